target "api" {
  args = { for name in ["a", "a"] : name => name }
}
