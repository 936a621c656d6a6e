target "base" {
  args   = { A = "1" }
  target = "base"
}
target "api" {
  inherits = ["base"]
  args     = { A = null }
  target   = null
}
