FROM alpine
COPY --chown=josé café.txt /
