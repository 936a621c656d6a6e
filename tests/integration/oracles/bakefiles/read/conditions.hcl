variable "DEBUG" {
  default = false
}
variable "TAG" {
  default = ""
}
target "api" {
  target = DEBUG ? "debug" : "release"
  tags   = [
    TAG != "" ? "acme/api:${TAG}" : "acme/api:latest",
    notequal("", TAG) ? "acme/api:${TAG}" : "",
  ]
  args = { MIXED = true ? 1 : "a", NOT = !DEBUG, BOTH = DEBUG && true, ONE = DEBUG || true }
}
