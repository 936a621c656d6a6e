function "f" {
  params = [x]
  result = f(x)
}
target "api" {
  context = f("a")
}
