"""Which projects the policy hides as a whole, so that lists and searches do not name them."""

from __future__ import annotations

from collections.abc import Iterable

from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.rules import Screening
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

ListedProject = tuple[str, str, int, int, int]
"""Name, normalised name, last serial, the index that holds it, and id."""
_MOST_READ = 2_000
"""Projects of a list whose files are looked at; beyond them only rules on whole projects take names off."""


def without_hidden(
    index: ServedIndex, rows: list[ListedProject], watermark: Watermark
) -> tuple[list[ListedProject], float]:
    """The projects of a whole index that are not hidden, and until when that holds.

    The files of a project are read only where a rule that hides names the project: one on all projects would have the whole
    index read for its list.
    """
    if not watermark.policy or not books.read(watermark).may_hide:
        return rows, FOREVER
    members = {member.pk: member for member in index.members}
    shown, until, left = [], FOREVER, _MOST_READ
    for row in rows:
        screening = books.screening(index, members[row[3]], row[1], watermark)
        answer = screening.hides_all() if screening is not None else False
        if screening is not None and answer is None:
            answer = False
            if left and _is_named(screening):
                left -= 1
                answer, end = hides(screening, row[4], row[1], watermark.serial)
                until = min(until, end)
        if not answer:
            shown.append(row)
    return shown, until


def _is_named(screening: Screening) -> bool:
    return any(rule.effect is Effect.HIDE and rule.projects for chain in screening.chains for rule in chain)


def hides(screening: Screening, project_id: int, name: str, serial: int) -> tuple[bool, float]:
    """Whether all files of a project are hidden, and until when that holds; one that has none is not."""
    releases = page_rows.read_all(project_id, serial)
    judged = gate.judge(screening, releases, HostedDetails(project_id, name))
    files = sum(len(release.files) for release in releases)
    return bool(files) and judged.hidden == (1 << files) - 1, judged.until


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
