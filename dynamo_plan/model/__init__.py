"""The mathematics: site quantities, and one file per constraint, cost and objective written on them.

Two formulations of the pools meet the same site quantities: `compact` (one binary per pool, window and state: the
readable reference) and trajectories priced by dynamic programming (`dynamo_plan.solve`).
"""
