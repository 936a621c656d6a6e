variable "VERSIONS" {
  default = { b = "2", a = "1" }
}
target "api" {
  args = merge({ A = "1", B = "2" }, { B = "3" })
  tags = concat(
    [for key in keys(VERSIONS) : "acme/${key}"],
    [for value in values(VERSIONS) : "acme/api:${value}"],
    ["acme/${lookup(VERSIONS, "a", "x")}", "acme/${lookup(VERSIONS, "c", "x")}"],
    ["acme/${zipmap(["k"], ["v"]).k}", "acme/${length(keys(VERSIONS))}"],
  )
}
