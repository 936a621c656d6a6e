target "api" {
  tags      = ["acme/api:1", "acme/api:latest", "acme/api:1"]
  platforms = ["linux/amd64", "linux/arm64"]
}
