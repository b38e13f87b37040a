"""Reference plans under the same profile, load and accounting; one file per system."""
