# syntax=docker/dockerfile:1
#  Escape = `
FROM alpine:3 `
  AS base
RUN echo \
