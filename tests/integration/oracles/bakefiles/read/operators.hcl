target "api" {
  args = {
    ADD     = 1 + 2 * 3
    GROUP   = (1 + 2) * 3
    MOD     = 7 % 3
    DIV     = 8 / 2
    NEG     = -3
    LESS    = 1 < 2
    GREATER = 2 >= 3
    TEXT    = "3" + 1
    SAME    = "1" == 1
    LISTS   = ["a"] == ["a"]
    NULL    = null == null
  }
}
