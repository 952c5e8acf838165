"""Damages done on purpose: each returns the damaged table, and the truth of what was done."""
