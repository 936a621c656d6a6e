target "api" {
  secret = [
    "type=env,id=token,env=TOKEN",
    "type=env,id=other,src=OTHER",
    "type=file,id=npmrc,src=npmrc",
    "id=key,source=key.pem",
    "id=plain",
  ]
  ssh = ["default", "deploy=agent"]
}
