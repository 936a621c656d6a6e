#!/bin/sh
# Adds up the prices of an order.
set -eu
. /usr/lib/shop/log.sh
. /usr/lib/shop/prices.sh

log info "order of 3 items: $(euros $((250 + 320 + 475)))"
