FROM alpine
RUN --mount=type=bind,from=a\"b,target=/x ls
