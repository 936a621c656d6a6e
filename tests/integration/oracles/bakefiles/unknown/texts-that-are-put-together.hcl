variable "TAG" {}
target "api" {
  tags = [join(":", ["acme/api", TAG]), format("acme/web:%s", TAG), lower("acme/${TAG}")]
}
