target "api" {
  context = nothing("a")
}
