"""Measure one operating point: requests at a rate to an endpoint, power and clocks of the GPUs meanwhile."""
