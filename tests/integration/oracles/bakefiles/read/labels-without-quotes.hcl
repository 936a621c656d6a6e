target api {
  context = "api"
}
