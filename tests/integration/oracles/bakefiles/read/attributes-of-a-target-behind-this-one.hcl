target "api" {
  args = { STAGE = target.web.target, NAME = target.web.name }
}
target "web" {
  target = "web"
}
