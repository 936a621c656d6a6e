target "api" {
  args = {
    ADD      = add(1, 2)
    SUBTRACT = subtract(5, 2)
    MULTIPLY = multiply(3, 4)
    DIVIDE   = divide(8, 2)
    MODULO   = modulo(7, 4)
    NEGATE   = negate(3)
    ABSOLUTE = absolute(-3)
    MAX      = max(1, 3, 2)
    MIN      = min(2, 1)
    CEIL     = ceil(1.2)
    FLOOR    = floor(1.8)
    INT      = int(2.9)
    PARSED   = parseint("ff", 16)
  }
}
