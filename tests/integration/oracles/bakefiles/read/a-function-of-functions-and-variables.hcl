variable "REGISTRY" {
  default = ""
}
function "prefix" {
  params = [name]
  result = notequal(REGISTRY, "") ? "${REGISTRY}/${name}" : name
}
function "tag" {
  params = [name, version]
  result = "${prefix(name)}:${version}"
}
target "api" {
  tags = [tag("api", "1"), tag("api", "latest")]
}
