target "base" {}
target "api" {
  context = target.base.context == null ? "none" : "some"
}
