# syntax=docker/dockerfile:1
FROM debian:12
RUN <<EOF
apt-get update
FROM evil:latest
apt-get install -y vim
EOF
COPY <<EOF /etc/motd
COPY --from=evil / /
Welcome $USER
EOF
CMD ["bash"]
