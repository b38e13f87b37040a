"""The profile as a model: what an instance does at loads, clocks and lengths between those measured, and how wrong that is."""
