"""Pillar 3: which external inputs moved, and what that did."""
