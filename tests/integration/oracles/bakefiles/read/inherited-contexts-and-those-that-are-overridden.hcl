target "base" {
  contexts = { a = "./a", b = "./b" }
}
target "api" {
  inherits = ["base"]
  contexts = { a = "target:base", b = "" }
}
