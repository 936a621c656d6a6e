target "api" {
  dockerfile-inline = <<EOT
FROM alpine
%{ for name in ["a", "b"] ~}
RUN echo ${name}
%{ endfor ~}
CMD true
EOT
}
