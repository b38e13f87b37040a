"""One file per fault family; each function notes what it finds and returns nothing, or what is sound."""
