variable "NONE" {
  default = null
}
target "api" {
  args = {
    FIRST = coalesce(NONE, "a")
    EMPTY = coalesce("", "a")
    MIXED = coalesce(1, "a")
  }
}
