variable "SERVICES" {
  default = ["api", "web"]
}
target "service" {
  name    = service
  matrix  = { service = SERVICES }
  context = "services/${service}"
}
group "default" {
  targets = ["service"]
}
