target "api" {
  args = { A = "a" + "b" }
}
