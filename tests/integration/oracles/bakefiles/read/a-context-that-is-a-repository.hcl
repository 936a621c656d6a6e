target "api" {
  context    = "https://git.example/acme/shop.git#main"
  dockerfile = "api/Dockerfile"
}
