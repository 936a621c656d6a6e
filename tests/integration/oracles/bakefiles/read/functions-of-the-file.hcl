function "tag" {
  params = [name]
  result = ["acme/${name}:latest", "acme/${name}:1"]
}
target "api" {
  tags = tag("api")
}
