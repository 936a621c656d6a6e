group "default" {
  targets = ["api", "others"]
}
group "others" {
  targets = ["web"]
}
target "api" {}
target "web" {
  context = "web"
}
