ARG A=1 B="two words" C D='$A'
FROM debian:${A}2
ARG A B=3 \
    E=5
RUN echo $A $B
