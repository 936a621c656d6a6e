target "api" {
  context = ["a"][1]
}
