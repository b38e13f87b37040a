"""Compiled inner loops of planning: plain arrays and loops, compiled by numba at first use and cached on disk.

`dynamo_plan.solve.tables` makes the arrays; `dispatch`, `states` and `pricing` beside this package say what the results
mean.
"""
