ARG REGISTRY=docker.io/library
ARG TAG=3.12-slim
FROM ${REGISTRY}/python:${TAG}
ARG TAG
LABEL base="python:${TAG}"
RUN pip --version
