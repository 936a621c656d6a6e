FROM --platform=linux/arm64/v8 alpine AS a
FROM --platform=$TARGETPLATFORM alpine AS b
FROM --platform=${BUILDPLATFORM:-linux/amd64} alpine AS c
FROM alpine AS base-amd64
FROM alpine AS base-arm64
ARG TARGETARCH
FROM base-${TARGETARCH:-amd64}
