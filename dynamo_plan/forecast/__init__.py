"""From the load that arrived to the load to expect: methods, quantiles, scores. docs/reference/forecasting.md says what each does."""
