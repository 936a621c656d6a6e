target "base" {
  context = "base"
  args    = { VERSION = 1 }
  tags    = ["acme/base:1"]
}
target "api" {
  context  = target.base.context
  args     = { VERSION = target.base.args.VERSION, COUNT = length(target.base.tags) }
  contexts = { base = "docker-image://${target.base.tags[0]}" }
}
