"""The inverse of each damage, one a module: what the table would have been without it."""
