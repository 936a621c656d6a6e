variable "STAMP" {
  default = formatdate("YYYYMMDD", timestamp())
}
target "api" {
  tags = ["acme/api:${STAMP}"]
}
