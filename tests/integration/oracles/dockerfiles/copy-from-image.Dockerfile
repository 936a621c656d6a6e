FROM alpine:3.19
COPY --from=docker.io/library/nginx:1.25-alpine /etc/nginx/nginx.conf /etc/nginx/
COPY --from=ghcr.io/astral-sh/uv:0.4.9@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef /uv /bin/uv
COPY --chown=65532:65532 --from=busybox /bin/busybox /bin/
