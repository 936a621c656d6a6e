FROM scratch
COPY --chmod=0755 --link bin/tool /usr/bin/tool
COPY --parents ./src/*/package.json ./
COPY --exclude=*.md --exclude=docs . /srv/
