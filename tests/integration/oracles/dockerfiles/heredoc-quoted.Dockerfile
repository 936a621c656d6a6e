FROM alpine
RUN <<"END OF IT" cat
one
END OF IT
COPY <<'a.txt' <<"b.txt" file /dir/
first $X
a.txt
second
b.txt
RUN echo it\'s <<E
x
E
