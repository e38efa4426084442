"""Answering installers: what may be remembered between two reads, and how a change makes it void.

Everything remembered here hangs on two numbers (:mod:`.watermarks`): the access generation, and the serial of the last
change.  While both stand still a warm page costs no query; when the serial has moved, one query tells whether this
project is concerned.
"""
