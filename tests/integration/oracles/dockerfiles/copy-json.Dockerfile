FROM alpine
COPY ["file with spaces.txt", "other [1].txt", "/data dir/"]
COPY ["a\u0062c", "quo\\\"te", "/x/"]
ADD [ "one" , "two",  "three/" ]
COPY [unquoted] /y/
