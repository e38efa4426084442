"""Which projects the policy hides as a whole, so that lists and searches do not name them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

from django.db.models import Q

from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.rules import Screening
from indexapp.models import Project
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

_MOST_READ = 2_000
"""Projects of an index whose files are looked at; beyond them only rules on whole projects take names off lists."""
_MOST_PATTERNS = 200  # by which projects are looked for; with more all names are read


class Hidden(NamedTuple):
    """The ids of an index's hidden projects, and until when that holds (seconds of the epoch)."""

    ids: frozenset[int]
    until: float = FOREVER


class _Answer(NamedTuple):
    """Whether a project was hidden as it was at ``serial``, by the policy of this generation, until ``until``."""

    serial: int
    policy: int
    is_hidden: bool
    until: float


_NOTHING = Hidden(frozenset())
_known: dict[int, tuple[Watermark, Hidden]] = {}
_answers: dict[int, dict[int, _Answer]] = {}
"""By index and project; who publishes one project has not the files of all others read again."""
_lock = Lock()


def hidden_in(index: ServedIndex, watermark: Watermark) -> Hidden:
    """What no list of the index shows; looked for once after each change, and not at all where no rule hides.

    The files of a project are read only where a rule that hides names the project: one on all projects would have the whole
    index read for its list.
    """
    if not watermark.policy or not books.read(watermark).may_hide:
        return _NOTHING
    known = _known.get(index.pk)
    if known is not None and known[0] == watermark and known[1].until > time.time():
        return known[1]
    found = _find(index, watermark)
    with _lock:
        _known[index.pk] = (watermark, found)
    return found


def _find(index: ServedIndex, watermark: Watermark) -> Hidden:
    members = {member.pk: member for member in index.members}
    rows = Project.objects.filter(_candidates(index, watermark), index__in=list(members)).order_by()
    ids, until, left = set(), FOREVER, _MOST_READ
    before, answers = _answers.get(index.pk, {}), {}
    for pk, index_id, name, serial in rows.values_list("pk", "index_id", "normalized_name", "last_serial"):
        screening = books.screening(index, members[index_id], name, watermark)
        answer = screening.hides_all() if screening is not None else False
        if screening is not None and answer is None:
            answer = False
            if left and _is_named(screening):
                left -= 1
                known = before.get(pk)
                if known is None or known[:2] != (serial, watermark.policy) or known.until <= time.time():
                    known = _Answer(serial, watermark.policy, *hides(screening, pk, name, watermark.serial))
                answers[pk] = known
                answer, until = known.is_hidden, min(until, known.until)
        if answer:
            ids.add(pk)
    with _lock:
        _answers[index.pk] = answers
    return Hidden(frozenset(ids), until)


def _candidates(index: ServedIndex, watermark: Watermark) -> Q:
    """The projects that rules which hide may concern, as far as the database can tell."""
    book, found, patterns = books.read(watermark), Q(pk__in=[]), 0
    for rule in book.of(index.pk, *(member.pk for member in index.members)):
        if rule.effect is not Effect.HIDE or (not rule.projects and not rule.is_whole):
            continue
        patterns += len(rule.projects)
        if not rule.projects or patterns > _MOST_PATTERNS:
            return Q()
        for pattern in rule.projects:
            if pattern.is_exact:
                found |= Q(normalized_name=pattern.text)
            elif (beginning := pattern.beginning) is not None:
                found |= Q(normalized_name__startswith=beginning)
            else:
                return Q()
    return found


def _is_named(screening: Screening) -> bool:
    return any(rule.effect is Effect.HIDE and rule.projects for chain in screening.chains for rule in chain)


def hides(screening: Screening, project_id: int, name: str, serial: int) -> tuple[bool, float]:
    """Whether all files of a project are hidden, and until when that holds; one that has none is not."""
    releases = page_rows.read_all(project_id, serial)
    judged = gate.judge(screening, releases, HostedDetails(project_id, name))
    files = sum(len(release.files) for release in releases)
    return bool(files) and judged.hidden == (1 << files) - 1, judged.until


def forget_all() -> None:
    """Empty this process's memory of hidden projects."""
    with _lock:
        _known.clear()
        _answers.clear()


def hidden_among(index: ServedIndex | None, projects: Iterable[tuple[int, int, str]], watermark: Watermark) -> set[int]:
    """The ids of those of some few projects (id, index, normalised name) that are hidden; None asks each index itself."""
    if not watermark.policy or not books.read(watermark).may_hide:
        return set()
    members = {member.pk: member for member in index.members} if index else {}
    found = set()
    for pk, index_id, name in projects:
        member = members.get(index_id) or index_map.read(watermark).by_pk.get(index_id)
        screening = books.screening(index or member, member, name, watermark) if member else None
        if screening is None:
            continue
        answer = screening.hides_all()
        if answer or (answer is None and hides(screening, pk, name, watermark.serial)[0]):
            found.add(pk)
    return found
