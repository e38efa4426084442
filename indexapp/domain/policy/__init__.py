"""The policy: ordered rules on what an index lets through, compiled and held against all files of a project at once.

Nothing here knows a framework or a database.  :mod:`.conditions` reads what people wrote, :mod:`.rules` finds the rules that
concern a project, and :mod:`.batch` has its files as bits of a number: a rule costs a few operations on such numbers
however many files there are, because a project page waits for all rules.
"""
