#!/bin/sh
# Not in the image either, as no pattern matches it. Run it with: sh examples/lib/test/prices_test.sh
set -eu
. "$(dirname "$0")/../src/prices.sh"
[ "$(euros 1250)" = '12.50 €' ]
[ "$(euros 5)" = '0.05 €' ]
echo 'ok'
