"""From the plan to files: the run folder, and one module per output target in `targets/`, found by that folder."""
