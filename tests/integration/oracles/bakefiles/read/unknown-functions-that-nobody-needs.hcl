variable "STAMP" {
  default = timestamp()
}
target "api" {
  labels = { created = STAMP }
}
