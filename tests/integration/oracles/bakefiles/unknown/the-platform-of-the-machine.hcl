target "api" {
  args = { PLATFORM = BAKE_LOCAL_PLATFORM }
}
