FROM alpine
RUN cat << EOF > /x
USER one
EOF
RUN echo two
