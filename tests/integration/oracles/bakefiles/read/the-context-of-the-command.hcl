target "api" {
  context = "${BAKE_CMD_CONTEXT}services/api"
}
