FROM \
  --platform=linux/amd64 \
  # pinned below
  debian:12 \
  AS \
  base
FROM	base	AS	tabs
FROM   tabs
