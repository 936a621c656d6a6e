target "api" {
  context = "a"
  context = "b"
}
