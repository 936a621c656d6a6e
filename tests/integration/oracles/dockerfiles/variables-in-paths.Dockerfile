FROM alpine
ARG SRC=src
ENV DEST=/app
COPY ${SRC}/main.c ${SRC:-x}/lib.c $DEST/
COPY $UNKNOWN/a "${DEST}/b"
WORKDIR $DEST/${SRC}
