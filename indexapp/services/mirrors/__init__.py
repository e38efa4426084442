"""Mirrors: asking an upstream for what is not known, and keeping what it says as rows like those of a hosted index.

Readers meet rows and blobs alone; what is done here comes before they are read, and at most once for however many ask.
"""
