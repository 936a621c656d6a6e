target "api" {
  dockerfile = ""
}
