target "base" {
  context = "one"
  target  = "one"
}
target "api" {
  context = target.base.context
}
