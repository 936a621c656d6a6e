variable "TAG" {}
target "api" {
  tags = [TAG != "" ? "acme/api:${TAG}" : "acme/api:latest", notequal("", TAG) ? "acme/web:${TAG}" : ""]
}
