variable "TAG" {
  default = "2"
}
target "api" {
  args   = { B = TAG }
  target = "debug"
}
target "more" {
  inherits = ["api"]
}
