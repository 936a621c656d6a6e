target "api" {
  name   = "api-${version}-${os}"
  matrix = {
    version = ["1", "2"]
    os      = ["alpine", "debian"]
  }
  args = { VERSION = version, OS = os }
  tags = ["acme/api:${version}-${os}"]
}
group "default" {
  targets = ["api"]
}
