target "api" {
