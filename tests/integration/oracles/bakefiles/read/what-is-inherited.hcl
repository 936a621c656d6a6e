target "base" {
  context   = "base"
  args      = { A = "1", B = "2" }
  tags      = ["acme/base"]
  platforms = ["linux/amd64"]
  secret    = ["id=a"]
  ssh       = ["default"]
}
target "api" {
  inherits = ["base"]
  args     = { B = "3", C = "4" }
  secret   = ["id=b"]
}
