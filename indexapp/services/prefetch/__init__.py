"""Bringing the files of a list of requirements into mirrors before anybody asks for them.

What is to be done stands in rows, and what was done too: whoever goes on after a crash, or with the next slice of time, finds
it there.
"""
