FROM alpine
RUN --mount=type=bind,from="quoted:1",target=/a ls
RUN --mount='type=bind,"from=csv:1","target=/with,comma"' ls
RUN --mount=type=bind,from=esc\aped:1,target=/b --mount=TYPE=bind,FROM=upper:1,target=/c ls
