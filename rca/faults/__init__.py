"""Damages done on purpose, one a module, with the truth of what was done."""
