"""Compiled loops over the bytes and the rows of request logs: plain arrays in, plain arrays out, nothing allocated per row."""
