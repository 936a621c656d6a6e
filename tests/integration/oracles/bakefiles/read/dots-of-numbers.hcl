target "api" {
  args = { A = 1.0, B = 3.10, C = 1e3, D = 0.5, E = 1234567890123 }
}
