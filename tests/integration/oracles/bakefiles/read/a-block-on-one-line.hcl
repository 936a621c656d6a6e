target "api" { context = "api" }
