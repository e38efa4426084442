"""Metadata of a mirror's wheels: as the upstream serves it beside them, or read out of them where it serves none.

Without it a resolver has to fetch every wheel that it thinks of.
"""
