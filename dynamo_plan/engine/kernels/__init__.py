"""Compiled inner loops of the engine: plain arrays and loops, compiled by numba at first use and cached on disk.

`dynamo_plan.engine.tables` says what the arrays hold; `docs/explanation/engine.md` what is simulated.
"""
