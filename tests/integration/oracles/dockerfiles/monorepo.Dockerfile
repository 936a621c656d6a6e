ARG REGISTRY=123456789012.dkr.ecr.us-east-2.amazonaws.com
ARG BASE_TAG=latest
FROM ${REGISTRY}/shop/base:${BASE_TAG} AS base
FROM ${REGISTRY}/shop/node-tools:${BASE_TAG} AS tools

FROM base AS build
COPY --from=tools /opt/tools /opt/tools
COPY package.json pnpm-lock.yaml ./
COPY packages/shared packages/shared
RUN pnpm install --frozen-lockfile

FROM base
COPY --from=build /app/dist /app
