ARG NAME="alpine"
FROM "${NAME}:3" AS base
FROM 'busybox'
COPY --from="base" /a /b
COPY --from='debian:12' ["/c", "/d"]
