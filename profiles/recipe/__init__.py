"""The recipe of the shipped profiles: one module per step, `compose.py` beside this package runs them."""
