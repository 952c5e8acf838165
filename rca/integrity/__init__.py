"""Pillar 1, integrity: what is broken in the tables and files.

A check takes a case and yields Findings, one for each damaged column or table; `effect` is the share of rows that are
affected, with its interval and p-value, unless the text says otherwise.
"""
