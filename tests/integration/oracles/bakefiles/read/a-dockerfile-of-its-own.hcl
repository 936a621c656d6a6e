target "api" {
  dockerfile-inline = <<EOT
FROM alpine
RUN echo $${HOME}
EOT
}
