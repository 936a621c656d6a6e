target "api" {}
