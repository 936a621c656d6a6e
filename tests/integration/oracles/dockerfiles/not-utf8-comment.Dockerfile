# café
FROM alpine
# ÿþ
RUN true
