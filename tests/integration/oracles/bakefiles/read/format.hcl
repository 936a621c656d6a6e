target "api" {
  args = {
    TEXT   = format("%s:%s", "acme/api", "1")
    NUMBER = format("%d-%03d", 7, 5)
    VALUE  = format("%v %v %v", "a", 1, true)
    QUOTED = format("%q", "a b")
    BOOL   = format("%t", true)
    WIDTH  = format("[%5s|%-5s]", "a", "b")
    SIGN   = format("100%%")
  }
}
