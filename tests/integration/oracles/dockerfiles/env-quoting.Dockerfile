FROM alpine
ENV A=plain B="double quoted" C='single $A' D=back\ slash
ENV E="mixed 'single' \"escaped\"" F=a"b c"d
ENV OLD style value  with "quotes"
ENV EMPTY= AFTER="" LAST=''
ENV G=${A:-default} H=${A:+alt} I=$A/x J=\$A
