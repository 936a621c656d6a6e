FROM ubuntu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN [ -e /x ] && echo yes
RUN [[ -e /x ]] || true
RUN ["executable", "param1"]
CMD []
ENTRYPOINT exec top -b
CMD ["a","b\tc"]
