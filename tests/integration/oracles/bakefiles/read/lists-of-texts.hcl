target "api" {
  args = {
    SPLIT = split(",", "a,b,c")[1]
    JOIN  = join("-", ["a", "b"], ["c"])
    EMPTY = join("-", [])
    COUNT = length(split(".", "1.2.3"))
  }
  tags = split(",", "acme/api:1,acme/api:2")
}
