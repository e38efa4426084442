"""Bytes of a mirror's files: fetched once for however many ask, sent on while they come, and kept when they are proved.

A :class:`~indexapp.services.mirrors.fetching.download.Download` is one file on its way.  Its bytes lie in a spool that its
readers follow; what comes last is held back until the digest is right.  Of the threads of a process some few fetch; none
waits for a reader.
"""
