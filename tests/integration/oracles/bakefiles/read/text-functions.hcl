target "api" {
  args = {
    LOWER   = lower("AbC")
    UPPER   = upper("AbC")
    TITLE   = title("hello big_world a-b")
    SPACE   = trimspace("  a b ")
    TRIM    = trim("--a--", "-")
    PREFIX  = trimprefix("v1.2", "v")
    SUFFIX  = trimsuffix("a.tar.gz", ".gz")
    CHOMP   = chomp("a\n\n")
    INDENT  = indent(2, "a\nb")
    REPLACE = replace("1.2.3", ".", "-")
    REVERSE = reverse("abc")
    LENGTH  = strlen("abc")
    SUB     = substr("abcdef", 1, 3)
    SUBEND  = substr("abcdef", -2, -1)
    SUBFAR  = substr("abc", 1, 10)
  }
}
