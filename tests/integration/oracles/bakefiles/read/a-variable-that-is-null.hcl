variable "EXTRA" {
  default = null
}
target "api" {
  args = {
    EXTRA = EXTRA
    SAID  = EXTRA == null ? "no" : EXTRA
  }
}
