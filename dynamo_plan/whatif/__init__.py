"""What-if studies: changes to a scenario, runs of each, fronts and sensitivities over what came of them."""
