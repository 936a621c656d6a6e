version = "1"
target "api" {
  args = { VERSION = version }
}
