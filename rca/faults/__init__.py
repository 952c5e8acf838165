"""Damages done on purpose, so that it is known what a check should find.

A fault is given a table, the column to damage (or None) and a source of chance. It returns the damaged table, with the
index of the rows that stay, and the truth: the kind, the column, the rows that were struck, and its own knobs.
Faults of cells strike a random `share` of those since a moment of the column `time`, `where` a column has a value.
Faults of a project take the parameters as a mapping, with a dotted key, or what is in a file, in place of a table.
"""
