"""The inverse of each damage: what the table would have been without it.

A repair is given the damaged table, the finding, the reference and a source of chance. It returns the repaired table,
with the index that it had unless it says otherwise, and raises NotApplicable where the damage cannot be undone.
"""
