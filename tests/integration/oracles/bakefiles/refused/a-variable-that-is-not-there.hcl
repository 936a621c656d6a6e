target "api" {
  context = NOTHING
}
