# syntax=docker/dockerfile:1.7
FROM node:20
COPY package.json .
