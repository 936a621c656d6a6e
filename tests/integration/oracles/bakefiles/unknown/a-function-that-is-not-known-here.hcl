target "api" {
  args = { HASH = sha256("a") }
}
