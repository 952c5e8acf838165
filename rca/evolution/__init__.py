"""Pillar 2: what changed between two versions, and what of it mattered."""
