target "base" {
  context = "two"
}
