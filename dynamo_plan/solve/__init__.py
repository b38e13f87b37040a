"""Proven plans: dispatch of a state, pricing of a pool by dynamic programming, the site's coupling, and the compact reference."""
