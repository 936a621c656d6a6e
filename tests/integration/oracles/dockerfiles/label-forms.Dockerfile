FROM alpine
LABEL "com.example.vendor"="ACME Incorporated"
LABEL version="1.0" multi="a \
b" other=value-1
LABEL old style label
LABEL org.opencontainers.image.source=https://github.com/a/b org.opencontainers.image.licenses='Apache-2.0'
