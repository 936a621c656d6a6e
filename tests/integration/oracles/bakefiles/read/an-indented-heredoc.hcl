variable "BASE" {
  default = "alpine"
}
target "api" {
  dockerfile-inline = <<-EOT
    FROM ${BASE}
      RUN true
    COPY . .
  EOT
}
