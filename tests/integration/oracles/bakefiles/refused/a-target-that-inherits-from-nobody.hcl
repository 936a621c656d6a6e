target "api" {
  inherits = ["none"]
}
