"""Patterns of names: ``acme-tool``, ``acme-*``, ``*-internal``; ``*`` stands for any characters, ``?`` for one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from tpi_site.kit.errors import Invalid

_PROJECT = re.compile(r"[a-z0-9*?-]{1,100}\Z")
_IMPORT = re.compile(r"[A-Za-z0-9_.*?]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One pattern, and how it is found quickly: by its whole text, by what names begin with, or by trying."""

    text: str

    @property
    def is_exact(self) -> bool:
        """Whether it stands for one name."""
        return not ("*" in self.text or "?" in self.text)

    @property
    def beginning(self) -> str | None:
        """What all its names, and no others, begin with; None where that is not all that it says."""
        begins = self.text[:-1]
        return begins if self.text.endswith("*") and not ("*" in begins or "?" in begins) else None

    def matches(self, name: str) -> bool:
        """Whether ``name`` is one of those."""
        return name == self.text if self.is_exact else _expression(self.text).match(name) is not None


@lru_cache(maxsize=8192)
def _expression(text: str) -> re.Pattern[str]:
    return re.compile(translate(text.replace("[", "[[]")))


def project_patterns(texts: Iterable[str]) -> tuple[NamePattern, ...]:
    """Patterns of project names in their normal form; raises :class:`Invalid` for what no name can match."""
    found = []
    for text in texts:
        normalized = re.sub(r"[-_.]+", "-", text.strip()).lower()
        if not _PROJECT.match(normalized):
            raise Invalid(f"{text[:80]!a} is no pattern of project names; write for example acme-*.")
        found.append(NamePattern(normalized))
    return tuple(dict.fromkeys(found))


def import_patterns(texts: Iterable[str]) -> tuple[NamePattern, ...]:
    """Patterns of import names, as ``google.*``; raises :class:`Invalid` likewise."""
    found = []
    for text in texts:
        if not _IMPORT.match(text.strip()):
            raise Invalid(f"{text[:80]!a} is no pattern of import names; write for example google.*.")
        found.append(NamePattern(text.strip()))
    return tuple(dict.fromkeys(found))
