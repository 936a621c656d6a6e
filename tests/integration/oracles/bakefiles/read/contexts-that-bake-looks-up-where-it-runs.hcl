target "api" {
  context  = "cwd://services/api"
  contexts = { shared = "cwd://shared" }
}
