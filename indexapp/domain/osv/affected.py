"""Which versions of a project an advisory speaks of: ranges by PEP 440's order, and versions named one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from packaging.version import Version

from indexapp.domain.versions import canonical_version, parse_version
from tpi_site.kit.errors import Invalid

Event = tuple[str, str]
"""What happens at a version: ``introduced``, ``fixed``, ``last_affected`` or ``limit``, and the version as text."""

INTRODUCED, FIXED, LAST_AFFECTED, LIMIT = "introduced", "fixed", "last_affected", "limit"
BEGINNING = "0"
"""Stands before every version in an ``introduced`` event."""
NO_LIMIT = "*"
_ORDER = {FIXED: 0, INTRODUCED: 1, LAST_AFFECTED: 2}
"""Of two events at one version: what is fixed and introduced again there is affected."""


@lru_cache(maxsize=4096)
def version_of(text: str) -> Version | None:
    """The version that the text spells, None for what is none."""
    try:
        return parse_version(text)
    except Invalid:
        return None


class Affected:
    """The versions of one project that one advisory affects.

    A version with a local part counts as the version it was made from, but beside an event that names a local part itself.
    """

    def __init__(self, ranges: Iterable[Sequence[Event]], versions: Iterable[str]) -> None:
        self._ranges = tuple(tuple((kind, text) for kind, text in events) for events in ranges)
        self._versions = frozenset(versions)

    def affects(self, text: str) -> bool:
        """Whether the version is affected; of what is no version by PEP 440, whether it is named as it is written."""
        version = version_of(text)
        if version is None:
            return text in self._versions
        public = _public(version)
        if canonical_version(version) in self._versions or canonical_version(public) in self._versions:
            return True
        return any(_is_within(timeline, version, public) for timeline in self._timelines)

    @cached_property
    def _timelines(self) -> list[_Timeline]:
        return [_Timeline(events) for events in self._ranges]


class _Timeline:
    """The events of one range, in order; ``limits`` is None where there are none."""

    def __init__(self, events: Sequence[Event]) -> None:
        moments: list[tuple[Version | None, str]] = []
        limits: list[Version] = []
        is_limited = any(kind == LIMIT for kind, _ in events) and (LIMIT, NO_LIMIT) not in events
        for kind, text in events:
            version = None if kind == INTRODUCED and text == BEGINNING else version_of(text)
            if kind == LIMIT:
                limits += [version] if version else []
            elif version is not None or kind == INTRODUCED:
                moments.append((version, kind))
        self.moments = sorted(
            moments, key=lambda moment: (moment[0] is not None, moment[0] or _LEAST, _ORDER[moment[1]])
        )
        self.limits = limits if is_limited else None


_LEAST = Version("0.dev0")


def _is_within(timeline: _Timeline, version: Version, public: Version) -> bool:
    is_affected = False
    for at, kind in timeline.moments:
        asked = version if at is not None and at.local else public
        if kind == INTRODUCED:
            is_affected = is_affected or at is None or asked >= at
        elif at is not None and (asked > at if kind == LAST_AFFECTED else asked >= at):
            is_affected = False
    if is_affected and timeline.limits is not None:
        return any(public < limit for limit in timeline.limits)
    return is_affected


def _public(version: Version) -> Version:
    return Version(version.public) if version.local else version
