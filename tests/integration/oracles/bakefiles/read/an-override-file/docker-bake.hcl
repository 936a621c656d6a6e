variable "TAG" {
  default = "1"
}
target "api" {
  context = "api"
  tags    = ["acme/api:${TAG}"]
  args    = { A = "1", B = "1" }
}
