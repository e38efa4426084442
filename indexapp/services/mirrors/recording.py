"""Writing down what an upstream says of a project, as rows like those of a hosted index.

What is known of a file never changes but by what the upstream may change of it: its yank mark, and what its page says beside
its digest.  Other bytes under a known name are a conflict: ours stay, and somebody is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.services import alarms
from indexapp.clients.upstream import Page, UpstreamFile
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.filenames import DistributionFilename, parse_filename
from indexapp.domain.names import confusable_key
from indexapp.domain.profiles import UploadProfile
from indexapp.domain.versions import canonical_version, version_sort_key
from indexapp.models import File, Index, MirroredFile, MirroredProject, Project, Release, Upstream
from indexapp.services import changes, search
from tpi_site.kit.errors import Invalid

ACTOR = internal("mirror")
CONFLICT = "mirror-conflict"
_BATCH = 1000
_FAILURE_LENGTH = 300
_BEFORE_OUR_LOOK = timedelta(days=1)
"""The caches in front of an upstream, and its clock, may be so much behind."""
_REASON_LENGTH = 2000
_TERMS = ("url", "on_removal", "on_yank", "on_quarantine")
"""Settings with which the answer to the same page would be another."""
_SETTLED = (
    *("project", "etag", "last_modified", "upstream_serial", "is_gone"),
    *("checked_at", "fresh_until", "failed_at", "failure"),
)
_FOLLOWED = ("size", "requires_python", "metadata_sha256", "is_yanked", "yank_reason", "is_hidden", "has_provenance")
_BESIDE = ("url", "digests", "metadata_digests", "provenance_url", "removed_at", "conflict", "conflict_at")


def take_page(index: Index, row: MirroredProject, page: Page) -> bool:
    """Make the project's rows what the page says; one change when anything differs.

    Whether it was taken: what was asked for under other settings is no answer.
    """
    now = timezone.now()
    with transaction.atomic():
        row = MirroredProject.objects.select_for_update().get(pk=row.pk)
        if not _is_asked_as_now(index):
            return False
        project, is_new = _project(index, row, page)
        taking = _Taking(index.upstream, project, now, None if is_new else row.checked_at)
        differs = taking.run(page.files) or is_new
        status = not row.is_held and _take_status(index.upstream, project, page)
        if differs or status:
            changes.record(
                actor=ACTOR,
                kind=ChangeKind.PROJECT_MIRRORED,
                index=index,
                project=project,
                saving=("status", "status_reason"),
                added=len(taking.new_files),
                changed=len(taking.changed),
                conflicts=taking.conflicts[:20],
            )
        row.project, row.etag, row.last_modified = project, page.etag[:500], page.last_modified[:100]
        row.upstream_serial, row.is_gone = page.last_serial, False
        _settle(row, index.upstream.page_seconds)
    for filename in taking.conflicts:
        ring_for_conflict(index, filename)
    return True


def ring_for_conflict(index: Index, filename: str) -> None:
    """Tell people that an upstream has other bytes under a name than it had."""
    alarms.ring(
        CONFLICT,
        f"The upstream of '{index.name}' has other bytes for {filename} than it had; ours are kept. Find out why, and see "
        "docs/mirrors.md.",
        subject=f"{index.name}/{filename}",
        actor=ACTOR,
    )


def take_absence(index: Index, row: MirroredProject) -> bool:
    """Note that the upstream has no such project, or has it no more; whether it was taken, as of a page."""
    with transaction.atomic():
        row = MirroredProject.objects.select_for_update().get(pk=row.pk)
        if not _is_asked_as_now(index):
            return False
        if row.project is not None and not row.is_gone:
            row.is_gone = True
            if index.upstream.on_removal == Upstream.Follow.HIDE:
                hidden = File.objects.filter(project=row.project, is_hidden=False).update(is_hidden=True)
                changes.record(
                    actor=ACTOR, kind=ChangeKind.PROJECT_MIRRORED, index=index, project=row.project, hidden=hidden
                )
        row.etag = row.last_modified = ""
        _settle(row, index.upstream.missing_seconds)
    return True


def _is_asked_as_now(index: Index) -> bool:
    """Whether the settings are those under which the upstream was asked.

    Asked with the project's row locked: who changes them writes to all those rows, so either we see it here, or they do.
    """
    now = Upstream.objects.get(pk=index.pk)
    return all(getattr(now, name) == getattr(index.upstream, name) for name in _TERMS)


def note_fresh(row: MirroredProject, seconds: int) -> bool:
    """The upstream says that nothing has changed since the validators of ``row``; whether they are still ours.

    The row may be another than it was when the upstream was asked: only what the answer is about is written.
    """
    now = timezone.now()
    asked = MirroredProject.objects.filter(pk=row.pk, etag=row.etag, last_modified=row.last_modified)
    until = now + timedelta(seconds=seconds)
    return bool(asked.update(checked_at=now, fresh_until=until, failed_at=None, failure=""))


def note_failure(row: MirroredProject, sentence: str) -> None:
    """The upstream did not answer; what is known stays, and so does what somebody has learnt meanwhile."""
    asked = MirroredProject.objects.filter(pk=row.pk, checked_at=row.checked_at)
    asked.update(failed_at=timezone.now(), failure=sentence[:_FAILURE_LENGTH])


def _settle(row: MirroredProject, seconds: int) -> None:
    row.checked_at = timezone.now()
    row.fresh_until = row.checked_at + timedelta(seconds=seconds)
    row.failed_at, row.failure = None, ""
    row.save(update_fields=_SETTLED)


def _project(index: Index, row: MirroredProject, page: Page) -> tuple[Project, bool]:
    name = row.normalized_name
    project = Project.objects.select_for_update().filter(index=index, normalized_name=name).order_by().first()
    if project is not None:
        project.index = index
        return project, False
    project = Project(
        index=index, name=page.name or name, normalized_name=name, confusable_key=confusable_key(page.name or name)
    )
    project.save()
    search.put(project)
    return project, True


def _take_status(upstream: Upstream, project: Project, page: Page) -> bool:
    """Take the status marker over; a quarantine only where the mirror follows it.  Whether it differs."""
    status, reason = page.status, page.status_reason[:_REASON_LENGTH]
    if status not in Project.Status.values:
        status = Project.Status.ACTIVE
    if status == Project.Status.QUARANTINED and upstream.on_quarantine == Upstream.Follow.KEEP:
        status, reason = Project.Status.DEPRECATED, f"Quarantined upstream. {reason}".strip()
    if (status, reason) == (project.status, project.status_reason):
        return False
    project.status, project.status_reason = status, reason
    return True


@dataclass
class _Taking:
    """One page on its way into the rows."""

    upstream: Upstream
    project: Project
    now: datetime
    checked_at: datetime | None
    """When the page was looked at last; None for the first page of a project."""
    new_files: list[File] = field(default_factory=list)
    new_beside: list[MirroredFile] = field(default_factory=list)
    changed: list[File] = field(default_factory=list)
    changed_beside: list[MirroredFile] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    releases: dict[str, Release] = field(default_factory=dict)

    def run(self, files: Iterable[UpstreamFile]) -> bool:
        """Whether anything differs from what is known."""
        held = {
            file.filename: file
            for file in File.objects.filter(project=self.project).select_related("mirrored", "release").order_by()
        }
        self.releases = {row.canonical_version: row for row in Release.objects.filter(project=self.project)}
        known = set(self.releases)
        listed: set[str] = set()
        for said in files:
            listed.add(said.filename)
            if (file := held.get(said.filename)) is not None:
                self._compare(file, said)
            elif (named := self._parsed(said.filename)) is not None:
                self._add(said, named)
        for filename in held.keys() - listed:
            self._remove(held[filename])
        self._save(known)
        return bool(self.new_files or self.changed)

    def _parsed(self, filename: str) -> DistributionFilename | None:
        try:
            return parse_filename(
                filename, profile=UploadProfile.ENTERPRISE, expected_name=self.project.normalized_name
            )
        except Invalid:
            return None

    def _add(self, said: UpstreamFile, named: DistributionFilename) -> None:
        address = hashlib.sha256(f"{self.project.index_id} {said.url}".encode()).hexdigest()
        sha256 = said.digests.get("sha256", "")
        file = File(
            index=self.project.index,
            project=self.project,
            release=self._release(named, said),
            filename=said.filename,
            kind=named.kind,
            python_tag=named.python_tag,
            size=said.size or 0,
            sha256=sha256 or address,
            is_unhashed=not sha256,
            blake2b_256="",
            md5="",
            uploaded_at=self._uploaded_at(said),
            uploaded_by="upstream",
        )
        beside = MirroredFile(file=file, address_digest="" if sha256 else address)
        self._take(file, beside, said)
        self.new_files.append(file)
        self.new_beside.append(beside)

    def _release(self, named: DistributionFilename, said: UpstreamFile) -> Release:
        canonical = canonical_version(named.version)
        release = self.releases.get(canonical)
        if release is None:
            release = self.releases[canonical] = Release(
                project=self.project,
                version=str(named.version),
                canonical_version=canonical,
                sort_key=version_sort_key(named.version),
                is_prerelease=named.version.is_prerelease,
                requires_python=said.requires_python or "",
                created_at=self._uploaded_at(said),
            )
        return release

    def _uploaded_at(self, said: UpstreamFile) -> datetime:
        """When it was uploaded; what was not on the page when we looked cannot be much older, whatever is said of it.

        Else who takes an upstream over could give a new file an old date, and it would have no cool-down.
        """
        moment = said.upload_time or self.now
        return moment if self.checked_at is None else max(moment, self.checked_at - _BEFORE_OUR_LOOK)

    def _compare(self, file: File, said: UpstreamFile) -> None:
        beside = file.mirrored
        before = _state(file), _state_beside(beside)
        if _contradicts(file, beside, said):
            sentence = f"The upstream has other bytes under this name now: {_words(said.digests)}."[:_FAILURE_LENGTH]
            if beside.conflict != sentence:  # one that somebody has judged is told again only when it is another
                self.conflicts.append(file.filename)
                beside.conflict_at = self.now
            beside.conflict = sentence
        else:
            self._take(file, beside, said)
        if _state_beside(beside) != before[1]:
            self.changed_beside.append(beside)
        if _state(file) != before[0]:
            self.changed.append(file)

    def _take(self, file: File, beside: MirroredFile, said: UpstreamFile) -> None:
        beside.url, beside.digests, beside.provenance_url = said.url, dict(said.digests), said.provenance or ""
        beside.removed_at = None
        beside.metadata_digests = None if said.core_metadata is None else dict(said.core_metadata)
        if file.blob_id is None:
            file.size = said.size or file.size or 0  # what was fetched once had one
        if file.metadata_blob_id is None and said.core_metadata is not None:
            file.metadata_sha256 = said.core_metadata.get("sha256", "")
        file.requires_python = said.requires_python or ""
        is_yanked = said.yanked is not None and self.upstream.on_yank == Upstream.Follow.HIDE
        file.is_yanked, file.yank_reason = is_yanked, (said.yanked or "")[:_REASON_LENGTH] if is_yanked else ""
        file.has_provenance = bool(said.provenance)
        file.is_hidden = False

    def _remove(self, file: File) -> None:
        """The upstream lists it no more: it goes off our page too, or stays, as the mirror is told; the row stays."""
        beside = file.mirrored
        if beside.removed_at is None:
            beside.removed_at = self.now
            self.changed_beside.append(beside)
        is_hidden = self.upstream.on_removal == Upstream.Follow.HIDE
        if file.is_hidden != is_hidden:
            file.is_hidden = is_hidden
            self.changed.append(file)

    def _save(self, known: set[str]) -> None:
        Release.objects.bulk_create(
            [row for canonical, row in self.releases.items() if canonical not in known], batch_size=_BATCH
        )
        File.objects.bulk_create(self.new_files, batch_size=_BATCH)
        MirroredFile.objects.bulk_create(self.new_beside, batch_size=_BATCH)
        File.objects.bulk_update(self.changed, _FOLLOWED, batch_size=_BATCH)
        MirroredFile.objects.bulk_update(self.changed_beside, _BESIDE, batch_size=_BATCH)
        self._mark_yanked_releases()

    def _mark_yanked_releases(self) -> None:
        """A release of which every file is yanked counts as yanked in lists and in the JSON API."""
        touched = {file.release_id for file in (*self.new_files, *self.changed)}
        if not touched:
            return
        files: dict[int, list[bool]] = {}
        for release_id, is_yanked in File.objects.filter(project=self.project).values_list("release_id", "is_yanked"):
            files.setdefault(release_id, []).append(is_yanked)
        turned = [
            row
            for row in self.releases.values()
            if row.pk in touched and row.is_yanked != all(files.get(row.pk, [False]))
        ]
        for row in turned:
            row.is_yanked = not row.is_yanked
        Release.objects.bulk_update(turned, ["is_yanked"], batch_size=_BATCH)


def _contradicts(file: File, beside: MirroredFile, said: UpstreamFile) -> bool:
    """Whether what the upstream says cannot be the bytes that are known under this name."""
    known = beside.digests if file.is_unhashed else {**beside.digests, "sha256": file.sha256}
    return any(known[name] != digest for name, digest in said.digests.items() if name in known)


def _words(digests: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {digest}" for name, digest in sorted(digests.items()))


def _state(file: File) -> tuple[object, ...]:
    return tuple(getattr(file, name) for name in _FOLLOWED)


def _state_beside(beside: MirroredFile) -> tuple[object, ...]:
    return tuple(getattr(beside, name) for name in _BESIDE)
