target "api" {
  args = { A = "x${["a"]}" }
}
