target "api" {
  args = {
    QUOTE   = "a\"b"
    LINE    = "a\nb\tc"
    UNICODE = "\u00e9"
    DOLLAR  = "$${A} %%{ if }"
    LONE    = "$A %B 100%"
  }
}
