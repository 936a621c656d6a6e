FROM alpine
RUN <<ONE cat && 3<<TWO cat <&3
first
ONE
second
TWO
ADD <<script.sh /usr/bin/script
#!/bin/sh
# FROM x
script.sh
ONBUILD RUN <<LATER
FROM never
LATER
ONBUILD COPY --from=image /a /b
