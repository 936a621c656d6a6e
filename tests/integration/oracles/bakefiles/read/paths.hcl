target "api" {
  context    = "services/api"
  dockerfile = "docker/api.Dockerfile"
  target     = "runtime"
}
