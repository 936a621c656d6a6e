FROM alpine
RUN cat<<EOF
RUN cat <<<word
RUN echo '<<EOF' "<<EOF"
RUN echo it's <<EOF
CMD cat <<EOF
RUN ["cat", "<<EOF"]
