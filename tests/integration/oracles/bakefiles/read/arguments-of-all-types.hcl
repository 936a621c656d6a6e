target "api" {
  args = {
    TEXT   = "a"
    NUMBER = 1
    FLOAT  = 1.50
    TRUE   = true
    NONE   = null
    EMPTY  = ""
    "QUOTED" = "b"
  }
}
