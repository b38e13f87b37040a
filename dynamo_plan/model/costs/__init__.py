"""One file per cost term, written on site quantities; each says which objective it belongs to and in which unit."""
