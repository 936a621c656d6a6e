FROM golang:1.22
RUN go build -o /out/app ./...
FROM node:20
RUN npm ci
FROM scratch
COPY --from=0 /out/app /app
COPY --from=1 /app/dist /www
