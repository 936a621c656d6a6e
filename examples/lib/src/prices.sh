# Prints a price in cents as euros: euros 1250 gives 12.50 €
euros() {
    printf '%d.%02d €' $(($1 / 100)) $(($1 % 100))
}
