target "api" {
  name = "web"
}
