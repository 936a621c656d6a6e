FROM debian:bookworm-slim
ADD https://example.com/archive.tar.gz?version=1#frag /opt/
ADD --chown=app:app config.tar.gz rootfs.tar /
