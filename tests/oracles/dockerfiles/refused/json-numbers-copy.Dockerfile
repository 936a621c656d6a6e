FROM alpine
COPY ["a", {}] 
