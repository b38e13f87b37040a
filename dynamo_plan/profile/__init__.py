"""Rows to curves: SLO capacity, power against load, clocks between measured clocks, memory admissibility."""
