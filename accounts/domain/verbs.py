"""The six things that one may be allowed to do on an index or a project."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from tpi_site.kit.errors import Invalid


class Verb(Enum):
    """A right; its value is the word used in the API, its ``bit`` the place in a stored mask."""

    READ = "read"
    UPLOAD = "upload"
    YANK = "yank"
    DELETE = "delete"
    PROMOTE = "promote"
    ADMINISTER = "administer"

    @property
    def bit(self) -> int:
        """The power of two that stands for this verb in a mask."""
        return _BITS[self]


_BITS = {verb: 1 << place for place, verb in enumerate(Verb)}
ALL_VERBS = frozenset(Verb)
NO_VERBS: frozenset[Verb] = frozenset()


def parse_verbs(words: Iterable[str]) -> frozenset[Verb]:
    """The verbs named by ``words``; refuses an unknown one by name."""
    found = set()
    for word in words:
        try:
            found.add(Verb(word))
        except ValueError:
            known = ", ".join(verb.value for verb in Verb)
            raise Invalid(f"'{word}' is not a verb; use one of {known}.", code="verb-unknown") from None
    return frozenset(found)


def granted(verbs: Iterable[Verb]) -> frozenset[Verb]:
    """What a grant of ``verbs`` comes to: any right on a thing includes seeing it, and administering includes all."""
    given = frozenset(verbs)
    if Verb.ADMINISTER in given:
        return ALL_VERBS
    return given | {Verb.READ} if given else given


def to_mask(verbs: Iterable[Verb]) -> int:
    """The stored form of a set of verbs."""
    return sum(verb.bit for verb in frozenset(verbs))


@lru_cache(maxsize=256)
def from_mask(mask: int) -> frozenset[Verb]:
    """The verbs of a stored mask; unknown bits, of a later version, grant nothing."""
    return frozenset(verb for verb in Verb if mask & verb.bit)


def as_words(verbs: Iterable[Verb]) -> list[str]:
    """The words of ``verbs`` in the order in which the enum lists them."""
    given = frozenset(verbs)
    return [verb.value for verb in Verb if verb in given]
