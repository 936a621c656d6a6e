target "one" {
  context = "one"
  target  = "one"
  args    = { A = "one", B = "one" }
}
target "two" {
  context = "two"
  args    = { A = "two" }
}
target "api" {
  inherits = ["one", "two"]
}
