variable "VERSIONS" {
  default = { a = "1" }
}
target "api" {
  args = {
    THERE = try(VERSIONS.a, "x")
    NOT   = try(VERSIONS.b, "x")
    CAN   = can(VERSIONS.a)
  }
}
