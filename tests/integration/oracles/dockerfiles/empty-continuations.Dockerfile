FROM alpine \

  AS \
  base
RUN echo a \
\
  && echo b
ENV \
  A=1
