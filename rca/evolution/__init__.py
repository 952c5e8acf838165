"""Pillar 2: what changed between two versions, and what of it mattered.

A diff takes a case of two versions and yields Findings, each with what it was on both sides and, as `effect`, how far
it moved; the text of each says by what measure.
"""
