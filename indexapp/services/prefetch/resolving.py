"""Which files of which mirror meet a requirement; names are looked up as the index resolves them for installers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from accounts.domain.actors import internal
from indexapp.domain.locks.choosing import Candidate, choose
from indexapp.domain.locks.targets import Target
from indexapp.domain.locks.wanted import Wanted
from indexapp.models import File, PrefetchItem, Project
from indexapp.services.mirrors import pages, renewing
from indexapp.services.policies import books
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.policies.gate import Screen
from indexapp.services.serving import ownership, page_rows, watermarks
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import ServedProject

ACTOR = internal("prefetch")
_OURS = "The name is ours, and no upstream is asked for it."
"""The same wherever it is ours, for who reads any index that has it; to others it is a name that is not there."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The files that meet a requirement, or where there are none the state of its item and why."""

    state: PrefetchItem.State
    reason: str = ""
    files: Sequence[File] = field(default=())


def resolve(
    served: ServedIndex, wanted: Wanted, targets: Sequence[Target], *, may_know: bool, with_sdists: bool = False
) -> Resolution:
    """What is to be fetched; raises :class:`tpi_site.kit.errors.Unavailable` where an upstream does not answer.

    ``may_know``: whether who asked may learn that the name is ours (:func:`.ownership.told_to`).
    """
    page, _ = pages.find_page(ACTOR, served, wanted.name, watermarks.read())
    if page is None or (not page.member.is_mirror and page.beside is None):
        return _nothing(served, page, wanted, may_know=may_know)
    mirror = page.beside.member if page.beside else page.member
    if Project.Status.QUARANTINED in (page.status, page.beside and page.beside.place.status):
        return Resolution(PrefetchItem.State.FAILED, f"'{wanted.name}' is quarantined in '{mirror.name}'.")
    choose_again = partial(_choose, served, page, wanted, targets, may_know=may_know, with_sdists=with_sdists)
    resolution = choose_again()
    if resolution.state == PrefetchItem.State.FAILED and renewing.is_stale(mirror, wanted.name):
        # What is known may be older than the list.
        renewing.renew(mirror, wanted.name)
        resolution = choose_again()
    return resolution


def _nothing(served: ServedIndex, page: ServedProject | None, wanted: Wanted, *, may_know: bool) -> Resolution:
    if may_know and (page is not None or _is_ours(served, wanted.name)):
        return Resolution(PrefetchItem.State.OURS, _OURS)
    return Resolution(PrefetchItem.State.FAILED, not_there(wanted.name, served.name))


def not_there(name: str, index: str) -> str:
    """The sentence for a name that neither the index nor an upstream has."""
    return f"There is no project '{name}' in '{index}' or upstream."


def _is_ours(served: ServedIndex, name: str) -> bool:
    return any(mirror.terms and ownership.is_ours(mirror.terms, name) for mirror in served.mirrors)


def _choose(
    served: ServedIndex,
    page: ServedProject,
    wanted: Wanted,
    targets: Sequence[Target],
    *,
    may_know: bool,
    with_sdists: bool,
) -> Resolution:
    found = _files(served, page.pk, page.member, wanted) if may_know or page.member.is_mirror else []
    if page.beside is not None:  # the group merges the name: ours go before the mirror's
        names = {row.filename for row in found}
        others = _files(served, page.beside.place.pk, page.beside.member, wanted)
        found += [row for row in others if row.filename not in names]
    rows = {row.pk: row for row in found}
    choice = choose(wanted, map(_candidate, found), targets, with_sdists=with_sdists)
    if not choice.files:
        return Resolution(PrefetchItem.State.FAILED if choice.is_needed else PrefetchItem.State.SKIPPED, choice.reason)
    files = [rows[file.key] for file in choice.files if _is_mirrored(rows[file.key])]
    if not files:
        return Resolution(PrefetchItem.State.OURS, _OURS)
    return Resolution(PrefetchItem.State.QUEUED, files=files)


def _files(served: ServedIndex, project: int, member: ServedIndex, wanted: Wanted) -> list[File]:
    """The project's files; for who pins none only those that the policy shows, as on the page that a resolver reads."""
    rows = File.objects.filter(project=project, is_hidden=False).select_related("release", "mirrored", "project")
    watermark = watermarks.read()
    screening = books.screening(served, member, wanted.name, watermark)
    if screening is None or not screening.may_hide or wanted.is_pinned:
        return list(rows)
    screen = Screen(screening, HostedDetails(project, wanted.name))
    shown = screen.shown(page_rows.read_all(project, watermark.serial))
    names = {file[0] for release in shown for file in release.files}
    return [row for row in rows if row.filename in names]


def _is_mirrored(row: File) -> bool:
    return getattr(row, "mirrored", None) is not None


def _candidate(row: File) -> Candidate:
    digests = dict(row.mirrored.digests) if _is_mirrored(row) else {}
    if not row.is_unhashed:
        digests["sha256"] = row.sha256
    return Candidate(
        key=row.pk,
        filename=row.filename,
        version=row.release.version,
        digests=frozenset(f"{algorithm}:{digest}" for algorithm, digest in digests.items()),
        requires_python=row.requires_python,
        is_yanked=row.is_yanked or row.release.is_yanked,
    )
