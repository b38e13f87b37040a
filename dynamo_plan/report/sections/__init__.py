"""Sections of the report on a plan, one file each; a section that does not apply says why instead of vanishing."""
