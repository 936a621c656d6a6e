target "api" {
  args = { THIRD = 1 / 3 }
}
