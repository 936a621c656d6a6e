FROM alpine
INSTALL vim
