FROM alpine
RUN echo one \\
RUN echo two \\\\
ENV P=C:\\x\\
USER app
