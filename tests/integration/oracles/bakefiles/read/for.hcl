variable "NAMES" {
  default = ["api", "web", "worker"]
}
target "api" {
  tags = [for name in NAMES : "acme/${name}" if name != "worker"]
  args = { for index, name in NAMES : upper(name) => index }
}
