FROM alpine AS tools
FROM debian:12
RUN --mount=type=bind,from=tools,source=/bin,target=/tools \
    --mount=from=ghcr.io/x/y:1,target=/y,rw \
    --mount=type=cache,from=busybox:1,target=/cache \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=npmrc,target=/home/app/.npmrc \
    --mount=type=ssh \
    --network=none --security=sandbox \
    make all
