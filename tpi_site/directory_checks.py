"""System checks of the directories that ``TPI_LDAP`` names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's own name
from django.db import DatabaseError

from accounts.services.directories import environment
from tpi_site.settings import env

_HINT = "See 'Directories by environment' in docs/settings.md."


@register()
def directories(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E014: values that make no directory; E015: names that cannot be told apart; W016: names that the console has."""
    for name, values in settings.TPI_DIRECTORIES.items():
        for fault in environment.faults(name, values):
            yield Error(f"TPI_LDAP, directory '{name}': {fault}", hint=_HINT, id="tpi.E014")
    yield from _alike(env.words("TPI_LDAP"))
    for name in _in_console(list(settings.TPI_DIRECTORIES)):
        yield Warning(
            f"TPI_LDAP names the directory '{name}', and one of that name was made in the console; the start will be refused.",
            hint="Give one of them another name, or delete the one in the console.",
            id="tpi.W016",
        )


def _alike(names: list[str]) -> Iterable[CheckMessage]:
    """Names that are one to people, or whose fields are the same variables: by case, and by hyphen for underscore."""
    counts = Counter(environment.variable_part(name) for name in names)
    for part, count in counts.items():
        if count > 1:
            alike = ", ".join(f"'{name}'" for name in names if environment.variable_part(name) == part)
            yield Error(
                f"TPI_LDAP names {alike}, all of which read the variables TPI_LDAP_{part}_...",
                hint="Name each directory once, and so that names differ in more than case, '-' and '_'.",
                id="tpi.E015",
            )


def _in_console(names: list[str]) -> list[str]:
    if not names:
        return []
    try:
        return environment.made_in_console(names)
    except DatabaseError:  # before the first migration there is nothing that could clash
        return []
