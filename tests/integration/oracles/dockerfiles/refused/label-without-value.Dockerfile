FROM alpine
LABEL name
