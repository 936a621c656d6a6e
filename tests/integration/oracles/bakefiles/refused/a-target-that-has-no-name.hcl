target "a b" {
  context = "a"
}
