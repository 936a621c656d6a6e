#!/bin/sh
# "Compiles" the catalogue to the pages that the server hands out: bundle.sh CATALOGUE FOLDER
set -eu
. /usr/lib/shop/prices.sh

while IFS=, read -r name cents; do
    printf '{"name": "%s", "price": "%s"}\n' "$name" "$(euros "$cents")" >"$2/$name.json"
done <"$1"
