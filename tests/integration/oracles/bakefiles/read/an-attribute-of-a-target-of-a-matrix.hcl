target "app" {
  name    = "app-${name}"
  matrix  = { name = ["api", "web"] }
  context = "apps/${name}"
}
target "all" {
  contexts = { api = target.app-api.context, web = target.app-web.context }
}
