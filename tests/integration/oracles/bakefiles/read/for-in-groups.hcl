variable "IMAGES" {
  default = [{ kind = "a", name = "x" }, { kind = "b", name = "y" }, { kind = "a", name = "z" }]
}
target "api" {
  args = { for kind, names in { for image in IMAGES : image.kind => image.name... } : kind => join("+", names) }
}
