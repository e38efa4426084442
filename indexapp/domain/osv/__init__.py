"""Advisories in the OSV format, schema 1.x, as far as they speak of the ecosystem PyPI.

The format is described at the address that each record's ``schema_version`` stands for; what a record says is taken from
others and trusted in nothing: every limit and type is checked before a value is used.
"""
