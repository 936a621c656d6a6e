target "api" {
  args = { A = ["a"] }
}
