variable "A" {
  default = "a"
}
target "api" {
  args = {
    LEFT  = "x  ${~ A }  y"
    RIGHT = "x  ${ A ~}  y"
    BOTH  = "x \n ${~ A ~} \n y"
    IF    = "x %{~ if true ~} z %{~ endif ~} y"
  }
}
