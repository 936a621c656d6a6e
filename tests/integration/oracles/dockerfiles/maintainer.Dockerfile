FROM busybox
MAINTAINER Jo Bloggs <jo@example.com>
STOPSIGNAL SIGKILL
USER 1000:1000
WORKDIR  /with space/dir
VOLUME ["/data", "/more data"]
VOLUME /a /b
