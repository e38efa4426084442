"""Answering installers: what may be remembered between two reads, and how a change makes it void.

Everything remembered here hangs on three numbers (:mod:`.watermarks`): the access generation, the serial of the last change,
and the policy's generation.  While they stand still a warm page costs no query; when the serial has moved, one query tells
whether this project is concerned.
"""
