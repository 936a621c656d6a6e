target "api" {
  context = target.api.context
}
