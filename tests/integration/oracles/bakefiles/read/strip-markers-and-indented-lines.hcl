target "api" {
  dockerfile-inline = <<EOT
FROM alpine
%{ for name in ["a", "b"] ~}
  RUN echo ${name}
%{ endfor ~}

  CMD true
left   ${~ "a" }
  ${~ "b" ~}  
   right
%{ if true ~}  

  inside
  %{~ endif }
last
EOT
}
