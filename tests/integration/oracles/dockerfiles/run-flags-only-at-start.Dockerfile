FROM alpine
RUN -- --mount=type=bind,from=not-a-parent true
RUN echo --mount=type=bind,from=not-a-parent
COPY -- --from=x /y/
RUN --mount=type=cache,target=/x -- ls --from=y
