"""Who may reach which address with which method: one row for each, and no address without one.

A row says who is let through.  Everybody else is told 401 without credentials and 403 with (pages send the former to
the sign-in page); who is let through may still be told that the body is wrong, never that they may not.
"""

from __future__ import annotations

from tests.access.matrix.console import CONSOLE, CONSOLE_OWN, SUFFIXES
from tests.access.matrix.directories import directories
from tests.access.matrix.installers import machine
from tests.access.matrix.pages import PAGE_KWARGS, PAGES, POSTED_PAGES
from tests.access.matrix.policies import policies
from tests.access.matrix.rest import rest
from tests.access.matrix.who import EVERYBODY, NOBODY, WATCHERS, Row, Who, reads

MACHINE = (
    rest()
    | directories()
    | policies()
    | machine()
    | {
        "livez": reads(EVERYBODY),
        "readyz": reads(EVERYBODY),
        "metrics": reads(WATCHERS),
    }
)
"""Addresses of programs, which sign in with every request."""

__all__ = [
    "CONSOLE",
    "CONSOLE_OWN",
    "EVERYBODY",
    "MACHINE",
    "NOBODY",
    "PAGES",
    "PAGE_KWARGS",
    "POSTED_PAGES",
    "SUFFIXES",
    "Row",
    "Who",
]
