target "api" {
  context = "one"
  args    = { A = "1", B = "1" }
  tags    = ["acme/one"]
}
target "api" {
  context = "two"
  args    = { B = "2" }
}
