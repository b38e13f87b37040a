"""What a plan means to people: accounts recomputed from the plan, the result card, what binds."""
