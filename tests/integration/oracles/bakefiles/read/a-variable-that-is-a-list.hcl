variable "PLATFORMS" {
  default = ["linux/amd64", "linux/arm64"]
}
target "api" {
  platforms = PLATFORMS
  tags      = [for platform in PLATFORMS : "acme/api:${replace(split("/", platform)[1], "64", "")}"]
}
