FROM alpine
RUN <<A <<B
A
echo
