variable "DEBUG" {
  default = true
}
variable "NAMES" {
  default = ["a", "b"]
}
target "api" {
  args = {
    IF   = "x%{ if DEBUG }-debug%{ endif }"
    ELSE = "x%{ if !DEBUG }-debug%{ else }-release%{ endif }"
    FOR  = "%{ for name in NAMES }[${name}]%{ endfor }"
    KEYS = "%{ for index, name in NAMES }${index}${name} %{ endfor }"
  }
}
