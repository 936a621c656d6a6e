target "base-api" {
  context = "api"
}
target "base-web" {
  context = "web"
}
target "app" {
  name     = "app-${name}"
  matrix   = { name = ["api", "web"] }
  inherits = ["base-${name}"]
}
