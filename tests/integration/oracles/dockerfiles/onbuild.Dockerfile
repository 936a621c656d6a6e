FROM node:20
ONBUILD ARG NODE_ENV
ONBUILD ENV NODE_ENV=$NODE_ENV A="b c"
ONBUILD COPY package.json /usr/src/app/
ONBUILD COPY --from=base:1 /a /b
ONBUILD RUN --mount=type=cache,target=/home/app/.npm npm install && npm cache clean --force
ONBUILD CMD ["npm", "start"]
onbuild user app
