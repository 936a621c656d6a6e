target "app" {
  name   = replace("app-${item.name}-${item.version}", ".", "-")
  matrix = {
    item = [
      { name = "api", version = "1.2" },
      { name = "web", version = "2.0" },
    ]
  }
  context = item.name
  args    = { VERSION = item.version }
}
group "default" {
  targets = ["app"]
}
