variable "MAJOR" {
  default = 3
}
variable "VERSION" {
  default = "${MAJOR}.${MINOR}"
}
variable "MINOR" {
  default = MAJOR + 1
}
target "api" {
  args = { VERSION = VERSION }
}
