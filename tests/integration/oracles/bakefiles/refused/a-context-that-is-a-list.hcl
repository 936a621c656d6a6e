target "api" {
  context = ["a"]
}
