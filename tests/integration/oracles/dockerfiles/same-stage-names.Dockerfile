FROM a AS x
FROM b AS y
FROM x AS x
FROM x
COPY --from=x /a /b
