FROM golang:1 AS BUILD
FROM alpine AS Run-Time_1.0
COPY --from=Build /a /b
COPY --from=build /a /c
