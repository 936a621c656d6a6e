target "api" {
  name   = "web"
  matrix = { version = ["1", "2"] }
}
