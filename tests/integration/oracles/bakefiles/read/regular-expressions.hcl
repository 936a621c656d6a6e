target "api" {
  args = {
    ALL    = regex_replace("a1b22", "[0-9]+", "-")
    GROUPS = regex_replace("v1.2.3", "^v(\\d+)\\.(\\d+).*$", "$1_$2")
    NAMED  = regex_replace("ab", "(?P<first>a)", "<$${first}>")
    FIRST  = regex("[0-9]+", "a12b3")
    PART   = regex("^(\\d+)\\.(\\d+)", "1.2.3")[1]
    MANY   = length(regexall("[0-9]", "a1b2"))
  }
}
