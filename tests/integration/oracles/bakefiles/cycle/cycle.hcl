target "api" {
  inherits = ["base"]
  args     = { A = "1" }
}
target "base" {
  inherits = ["api"]
  context  = "base"
}
