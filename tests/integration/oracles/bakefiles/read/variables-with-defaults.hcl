variable "TAG" {
  default = "1.2"
}
variable "REGISTRY" {
  default = "registry.example/acme"
}
target "api" {
  tags = ["${REGISTRY}/api:${TAG}", "${REGISTRY}/api"]
  args = { TAG = TAG, QUOTED = "${TAG}" }
}
