"""One file per constraint. A site constraint has `add(model)`; a pool constraint has `admits(pool, states)`.

Each module's docstring is its page in the manual (`dynamo-plan explain NAME`) and names its verifier rule by its own
name.
"""
