registry = "registry.example"
name     = "${registry}/acme"
target "api" {
  tags = ["${name}/api"]
}
