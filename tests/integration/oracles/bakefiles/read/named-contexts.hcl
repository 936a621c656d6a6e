target "base" {}
target "api" {
  contexts = {
    base   = "target:base"
    alpine = "docker-image://alpine:3"
    shared = "../shared"
    remote = "https://git.example/acme/shop.git"
    none   = ""
  }
}
