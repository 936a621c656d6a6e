target "root" {
  args = { A = "root", B = "root", C = "root" }
}
target "left" {
  inherits = ["root"]
  args     = { A = "left" }
}
target "right" {
  inherits = ["root"]
  args     = { B = "right" }
}
target "api" {
  inherits = ["left", "right"]
}
