variable "VERSIONS" {
  default = { go = "1.22", node = 20 }
}
target "api" {
  args = { for name, version in VERSIONS : "${upper(name)}_VERSION" => version }
  tags = [for name, version in VERSIONS : "acme/${name}:${version}"]
}
