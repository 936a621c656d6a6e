from alpine:3 as base
run echo hi
copy . /src
FrOm base
Cmd ["sh"]
entrypoint ["/x"]
