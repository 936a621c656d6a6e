variable "IMAGES" {
  default = [{ name = "x", tags = ["1", "2"] }, { name = "y", tags = ["3"] }]
}
variable "NAMES" {
  default = { "a-b" = "c" }
}
target "api" {
  tags = IMAGES[*].name
  args = {
    FIRST = IMAGES[0].name
    LAST  = IMAGES[1]["tags"][0]
    TAGS  = join(",", IMAGES[*].tags[0])
    OLD   = join(",", IMAGES.*.name)
    KEY   = NAMES["a-b"]
  }
}
