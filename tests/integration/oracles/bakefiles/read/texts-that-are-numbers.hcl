variable "PORT" {
  default = 8080
}
target "api" {
  args = { NEXT = PORT + 1, BIG = PORT > "80", TEXT = "${PORT}" }
}
