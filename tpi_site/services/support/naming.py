"""Replacing the names of what people have made: projects, indexes, teams, accounts, directories.

All names are never loaded, there may be millions: the words of a text are looked up instead.  A name becomes the same
pseudonym wherever it turns up, so that two places can still be seen to speak of one thing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts.models import AuditSink, Directory, Team, User
from indexapp.domain.names import normalize_name
from indexapp.models import Index, Project, ReservedPrefix

_WORD = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
_PART = re.compile(r"[^\W_]+")
_MOST_PARTS = 16
_LONGEST_NAME = 8
"""Parts of a name, those between hyphens, points and underscores."""
_BATCH = 500


class Pseudonyms:
    """Finds names in texts and replaces them; what was looked up once is remembered for this one bundle."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}
        self._asked: set[str] = set()

    def rename(self, text: str) -> str:
        """``text`` with a pseudonym for each name in it."""
        self._look_up({candidate for word in _WORD.finditer(text) for candidate, _ in _candidates(word.group())})
        return _WORD.sub(lambda found: self._renamed(found.group()), text)

    def _look_up(self, candidates: set[str]) -> None:
        new = sorted(candidate for candidate in candidates - self._asked if not candidate.isdigit())
        self._asked.update(candidates)
        for batch in _batches(new):
            for kind, rows, field in _sources():
                found = rows.annotate(lowered=Lower(field)).filter(lowered__in=batch).values_list("lowered", flat=True)
                self._kinds.update((str(name), kind) for name in found if str(name) not in self._kinds)

    def _renamed(self, word: str) -> str:
        done, end = [], 0
        for candidate, (first, last) in _candidates(word):
            if first >= end and candidate in self._kinds:
                kind = self._kinds[candidate]
                self.counts[kind] += 1
                done += [word[end:first], _pseudonym(kind, candidate)]
                end = last
        return "".join([*done, word[end:]])


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]


def _candidates(word: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The parts of a word that may be a name, in normal form, with where they stand; from the left, the longest first."""
    parts = [part.span() for part in _PART.finditer(word)][:_MOST_PARTS]
    for first in range(len(parts)):
        for last in reversed(range(first, min(len(parts), first + _LONGEST_NAME))):
            span = (parts[first][0], parts[last][1])
            text = word[span[0] : span[1]]
            yield normalize_name(text), span
            if normalize_name(text) != text.lower():
                yield text.lower(), span


def _sources() -> list[tuple[str, QuerySet[Any], str]]:
    return [
        ("project", Project.objects.order_by(), "normalized_name"),
        ("index", Index.objects.order_by(), "name"),
        ("team", Team.objects.order_by(), "name"),
        ("account", User.objects.order_by(), "username"),
        ("directory", Directory.objects.order_by(), "name"),
        ("audit sink", AuditSink.objects.order_by(), "name"),
        ("prefix", ReservedPrefix.objects.order_by(), "prefix"),
    ]


def _pseudonym(kind: str, name: str) -> str:
    key = settings.TPI_TOKEN_PEPPER.encode()
    return f"[{kind} {hmac.new(key, f'support{kind}{name}'.encode(), hashlib.sha256).hexdigest()[:8]}]"
