FROM alpine
COPY ["a", "/b/"] /c/
RUN ["x"] && true
