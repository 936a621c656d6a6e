# One.
// Two.
/* Three
   lines. */
target "api" { # Four.
  context = "api" // Five.
  args = {
    A = "1" # Six.
    # Seven.
    B = "2", /* Eight. */ C = "3"
  }
}
