variable "TAG" {}
variable "NAME" {}
target "api" {
  args = { NAME = NAME }
  tags = ["acme/api:${TAG}"]
}
