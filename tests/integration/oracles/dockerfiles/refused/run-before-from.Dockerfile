RUN echo
FROM alpine
