target "base" {
  tags      = ["acme/base"]
  platforms = ["linux/amd64"]
}
target "api" {
  inherits  = ["base"]
  tags      = []
  platforms = []
}
