target "api" {
  args = {
    AND      = and(true, false)
    OR       = or(true, false)
    NOT      = not(true)
    EQUAL    = equal("a", "a")
    NOTEQUAL = notequal("a", "b")
    LESS     = lessthan(1, 2)
    MOST     = lessthanorequalto(2, 2)
    GREATER  = greaterthan(1, 2)
    LEAST    = greaterthanorequalto(2, 2)
  }
}
