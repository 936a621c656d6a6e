target "one" {
  context = "one"
  args    = { A = "1" }
}
target "two" {
  inherits = ["one"]
  args     = { B = "2" }
}
target "three" {
  inherits = ["two"]
  args     = { C = "3" }
}
