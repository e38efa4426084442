"""Who there is to be let through, and how the row of an address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.factories.cast import ROLES

EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
SIGNED_IN = EVERYBODY - {"anonymous"}
READERS = SIGNED_IN - {"outsider", "operator"}
UPLOADERS = frozenset({"uploader", "member", "maintainer", "team_admin", "administrator"})
ADMINS = frozenset({"team_admin", "administrator"})
ADMINISTRATOR = frozenset({"administrator"})
MAINTAINERS = ADMINS | {"maintainer"}
SEES_ALL = ADMINISTRATOR | {"auditor", "security_officer"}
WATCHERS = SEES_ALL | {"operator"}
OF_TEAM = MAINTAINERS | SEES_ALL | {"member"}
OF_INDEX = ADMINS | SEES_ALL
INSIDE = MAINTAINERS | WATCHERS
SECURES = ADMINISTRATOR | {"security_officer"}
OPERATES = ADMINISTRATOR | {"operator"}

Who = frozenset[str]
Body = Mapping[str, Any] | None


@dataclass(frozen=True)
class Row:
    """The methods of one address; the others are answered 405.

    ``kwargs`` fill its address; a value in braces is the key of something that the scene makes.
    """

    methods: Mapping[str, tuple[Who, Body]]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    denied: int = 403
    """What others than the named are told when they are signed in: 404 where a number would else tell what exists."""
    suffix: str = ""
    """Appended to the address, where the route takes more spellings than the one it reverses to."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """By method, what those who are let through are told where it is not 2xx or 3xx; never what others are told."""
    by_password: bool = False
    """Whether people come with their password, because no token does what the address is for."""


def reads(who: Who, **kwargs: Any) -> Row:
    """An address that is only read."""
    return Row({"GET": (who, None)}, kwargs)


INDEX = {"index": "main"}
OUTSIDE = {"index": "outside"}
"""A mirror."""
GROUP = {"index": "everything"}
"""A group of both."""
PROJECT = {**INDEX, "project": "acme-tool"}
RELEASE = {**PROJECT, "version": "1.0"}
FILE = {"filename": "{filename}"}
PATH = {"path": "{path}"}
