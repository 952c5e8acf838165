"""Pillar 1, integrity: what is broken in the tables and files, one question a module."""
