function "joined" {
  params          = [separator]
  variadic_params = parts
  result          = join(separator, parts)
}
target "api" {
  args = { A = joined("-", "a", "b"), B = joined("-"), C = joined("+", ["x", "y"]...) }
}
