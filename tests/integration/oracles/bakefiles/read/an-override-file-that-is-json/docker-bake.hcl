target "api" {
  context = "api"
  args    = { A = "1" }
}
