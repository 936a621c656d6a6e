target "api" {
  description = "The API."
  labels      = { "org.example.title" = "api" }
  annotations = ["org.example.title=api"]
  cache-from  = ["type=registry,ref=acme/api:cache"]
  cache-to    = ["type=inline"]
  output      = ["type=registry"]
  pull        = true
  no-cache    = false
  no-cache-filter = ["stage"]
  shm-size    = "128m"
  ulimits     = ["nofile=1024:1024"]
}
