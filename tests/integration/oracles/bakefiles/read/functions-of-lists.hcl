target "api" {
  tags = distinct(concat(["acme/a"], ["acme/b", "acme/a"]))
  args = {
    CONTAINS = contains(["a", "b"], "b")
    ELEMENT  = element(["a", "b"], 3)
    FLAT     = join(",", flatten([["a"], ["b", ["c"]]]))
    COMPACT  = join(",", compact(["a", "", "b"]))
    SLICE    = join(",", slice(["a", "b", "c"], 1, 3))
    REVERSED = join(",", reverselist(["a", "b"]))
    SORTED   = join(",", sort(["b", "a"]))
    RANGE    = join(",", range(3))
    STEPS    = join(",", range(1, 7, 2))
    CHUNK    = join(",", chunklist(["a", "b", "c"], 2)[0])
    HAS      = hasindex(["a"], 1)
    INDEX    = index(["a", "b"], 1)
    FIRST    = coalescelist([], ["a"])[0]
  }
}
