FROM ubuntu:22.04
# a comment
RUN apt-get update && \
    # tools
    apt-get install -y \
#not indented
        curl \

        git \
    && rm -rf /var/lib/apt/lists/*
  # indented comment
  CMD ["bash"]
