"""Which advisories speak of a project; remembered by each process until something about vulnerabilities changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from accounts.services import generations
from indexapp.domain.osv.affected import Affected
from indexapp.domain.osv.severity import severity_word
from indexapp.models import Advisory, AdvisoryPackage

_MOST = 20_000
"""Projects that a process remembers; most have no advisory and cost next to nothing."""


@dataclass(frozen=True, slots=True)
class KnownAdvisory:
    """What an advisory says of one project."""

    osv_id: str
    aliases: tuple[str, ...]
    summary: str
    details: str
    score: float | None
    """0.0 to 10.0; None where it gives none."""
    fixed_versions: tuple[str, ...]
    modified: datetime
    withdrawn_at: datetime | None
    _affected: Affected = field(repr=False, compare=False)

    @property
    def severity(self) -> str:
        """The word of the score."""
        return severity_word(self.score)

    def affects(self, version: str) -> bool:
        """Whether the version is affected, in any spelling."""
        return self._affected.affects(version)


_Found = tuple[KnownAdvisory, ...]
_remembered: OrderedDict[str, _Found] = OrderedDict()
_generation = -1
_holds_any: bool | None = None
_lock = Lock()


def has_data() -> bool:
    """Whether any vulnerability data was imported."""
    global _holds_any  # noqa: PLW0603  one answer per process and generation
    generation = generations.policy()
    with _lock:
        _renew(generation)
        if _holds_any is not None:
            return _holds_any
    found = Advisory.objects.exists()
    with _lock:
        if _generation == generation:
            _holds_any = found
    return found


def advisories_for(normalized_name: str) -> list[KnownAdvisory]:
    """The advisories of the project that hold, by their ids; one query while the answer is remembered, else two."""
    return [one for one in every_advisory_for(normalized_name) if one.withdrawn_at is None]


def every_advisory_for(normalized_name: str) -> _Found:
    """Those too that were withdrawn."""
    return every_advisory_for_all([normalized_name])[normalized_name]


def every_advisory_for_all(normalized_names: Collection[str]) -> dict[str, _Found]:
    """The same for many projects at once."""
    generation = generations.policy()
    with _lock:
        _renew(generation)
        found = {name: _remembered[name] for name in normalized_names if name in _remembered}
        for name in found:
            _remembered.move_to_end(name)
    lacking = [name for name in normalized_names if name not in found]
    if not lacking:
        return found
    read = _read(lacking)
    with _lock:
        if _generation == generation:
            _remembered.update(read)
            while len(_remembered) > _MOST:
                _remembered.popitem(last=False)
    return found | read


def _renew(generation: int) -> None:
    """Forget what was true before; the number is read before the rows, so that none of them is older than it."""
    global _generation, _holds_any
    if generation != _generation:
        _remembered.clear()
        _generation, _holds_any = generation, None


def _read(names: Collection[str]) -> dict[str, _Found]:
    rows = (
        AdvisoryPackage.objects.filter(normalized_name__in=names)
        .select_related("advisory")
        .defer("advisory__document", "advisory__severity")
    )
    found: dict[str, list[KnownAdvisory]] = {name: [] for name in names}
    for row in rows:
        found[row.normalized_name].append(_known(row))
    # Not by the database, whose order of texts may be another than that of the page tokens.
    return {name: tuple(sorted(advisories, key=lambda one: one.osv_id)) for name, advisories in found.items()}


def _known(row: AdvisoryPackage) -> KnownAdvisory:
    advisory = row.advisory
    return KnownAdvisory(
        osv_id=advisory.osv_id,
        aliases=tuple(advisory.aliases),
        summary=advisory.summary,
        details=advisory.details,
        score=advisory.score,
        fixed_versions=tuple(row.fixed),
        modified=advisory.modified,
        withdrawn_at=advisory.withdrawn_at,
        _affected=Affected(_ranges(row.ranges), row.versions),
    )


def _ranges(rows: Iterable[Iterable[Any]]) -> list[list[tuple[str, str]]]:
    return [[(kind, text) for kind, text in events] for events in rows]


def forget_all() -> None:
    """Empty this process's memory."""
    global _generation  # noqa: PLW0603  as above
    with _lock:
        _remembered.clear()
        _generation = -1
