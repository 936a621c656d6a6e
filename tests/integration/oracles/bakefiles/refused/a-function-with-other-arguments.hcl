target "api" {
  context = lower("a", "b")
}
