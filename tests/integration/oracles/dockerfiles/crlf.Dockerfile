FROM node:18-alpine AS deps
WORKDIR /app

COPY package*.json ./
RUN npm ci \
    # why
    --omit=dev

FROM deps
CMD ["node", "index.js"]
