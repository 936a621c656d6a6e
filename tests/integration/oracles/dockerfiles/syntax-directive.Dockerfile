# syntax = docker.io/docker/dockerfile:1.9@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
# escape=\
# not a directive = but a comment
# escape=`
FROM alpine \
  AS base
