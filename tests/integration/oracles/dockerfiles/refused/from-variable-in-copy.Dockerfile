FROM alpine
COPY --from=$IMAGE a b
