FROM nginx:alpine
HEALTHCHECK --interval=5m --timeout=3s --start-period=10s --retries=3 \
  CMD curl -f http://localhost/ || exit 1
HEALTHCHECK CMD ["curl", "-f", "http://localhost/"]
HEALTHCHECK NONE
