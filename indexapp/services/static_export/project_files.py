"""What a project's page shows in an export, and the contents that it names.

The page is that of the index, with the same rows, rules and forms, but for what a tree of files cannot do: what the policy
refuses is not there, so no page names it, and of a mirror's files those are there whose bytes are here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from indexapp.domain.file_paths import file_path
from indexapp.domain.policy.rules import Screening
from indexapp.domain.simple_page import FileRow, ProjectPage
from indexapp.models import File, MirroredProvenance, Project
from indexapp.services.mirrors import provenance
from indexapp.services.policies import gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import merged_pages, page_rows
from indexapp.services.serving.page_rows import ReleaseFiles
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.static_export.forms import BASE, FILES, METADATA, PROVENANCE, project_pages
from indexapp.storage import StoredBlob, default_storage

_PLACES: Final = (
    *("blob__object_name", "blob__size", "blob__sealed_key"),
    *("metadata_blob__sha256", "metadata_blob__object_name", "metadata_blob__size", "metadata_blob__sealed_key"),
)


class Content(NamedTuple):
    """Bytes of the tree: where, which, and who has them; ``beside`` is the path of the file that they say something of."""

    path: str
    sha256: str
    size: int
    read: Callable[[], Iterator[bytes]]
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """A project as the tree has it; ``is_lacking`` when it has files, and none of them is here."""

    about: ProjectPage
    releases: list[ReleaseFiles]
    contents: list[Content]
    is_lacking: bool

    @property
    def name(self) -> str:
        """Its normalised name."""
        return self.about.name

    def pages(self, missing: Collection[str] = ()) -> Iterator[tuple[str, bytes]]:
        """The pages by their path; none names anything of the paths that are ``missing``."""
        releases = _without(self.releases, missing) if missing else self.releases
        about = replace(self.about, versions=[release.version for release in releases])
        rows = [row for release in releases for row in release.files]
        yield from project_pages(about, rows)


class _Here(NamedTuple):
    """What of a file is here."""

    sha256: str
    place: StoredBlob
    metadata: tuple[str, StoredBlob] | None
    provenance: int | None


def read(page: ServedProject) -> Exported | None:
    """The project that the index resolved a name to, as it is now; None when it is gone."""
    project = page_rows.state(page.pk)  # first, so that its serial is never too high
    if project is None:
        return None
    name = page.normalized_name
    beside = page_rows.state(page.beside.place.pk) if page.beside else None
    about = ProjectPage(
        name=name,
        files_base=BASE,
        versions=(),
        status=project.status,
        status_reason=project.status_reason,
        last_serial=max(project.serial, beside.serial) if beside else project.serial,
    )
    if not about.offers_files:
        return Exported(about, [], [], is_lacking=False)
    releases, contents, are_there = _of(page.pk, name, page.screening, about.last_serial, frozenset())
    if page.beside is not None and beside is not None and beside.status != Project.Status.QUARANTINED:
        ours = frozenset(File.objects.filter(project_id=page.pk).values_list("filename", flat=True))
        more = _of(page.beside.place.pk, name, page.screening_beside, about.last_serial, ours)
        releases, contents = merged_pages.merge(releases, more[0]), [*contents, *more[1]]
    is_lacking = page.member.is_mirror and are_there and not contents
    return Exported(about, releases, contents, is_lacking)


def _of(
    project_id: int, name: str, screening: Screening | None, serial: int, taken: Collection[str]
) -> tuple[list[ReleaseFiles], list[Content], bool]:
    """Releases and contents of one project without the file names that are ``taken``, and whether it has any files."""
    every = page_rows.read_all(project_id, serial)
    here, contents = _here(project_id), list[Content]()
    releases = []
    for release in _allowed(every, screening, HostedDetails(project_id, name)):
        rows = []
        for row in release.files:
            found = here.get(row[0])
            if row[0] not in taken and found is not None and found.sha256 == row[2]:
                rows.append(_row(row, found))
                contents += _contents(found, row[0])
        if rows:
            releases.append(release._replace(files=rows))
    return releases, contents, bool(every)


def _allowed(releases: list[ReleaseFiles], screening: Screening | None, details: HostedDetails) -> list[ReleaseFiles]:
    """Those that the policy lets through: it cannot be asked where the tree is served."""
    if screening is None or not releases:
        return releases
    refused = gate.judge(screening, releases, details).refused
    return gate.without(releases, refused) if refused else releases


def _here(project_id: int) -> dict[str, _Here]:
    """The files of the project whose bytes are here, by name."""
    rows = File.objects.filter(project_id=project_id, is_hidden=False, is_unhashed=False, blob__isnull=False).order_by()
    told = MirroredProvenance.objects.filter(file__project_id=project_id, file__has_provenance=True)
    proved = set(told.values_list("pk", flat=True))
    found = {}
    for pk, filename, sha256, *places in rows.values_list("pk", "filename", "sha256", *_PLACES):
        at, metadata_sha256, metadata_at = places[:3], places[3], places[4:]
        metadata = (metadata_sha256, StoredBlob(*metadata_at)) if metadata_sha256 is not None else None
        found[filename] = _Here(sha256, StoredBlob(*at), metadata, pk if pk in proved else None)
    return found


def _row(row: FileRow, here: _Here) -> FileRow:
    """The page's row, with the metadata and the provenance that are beside the file in the tree."""
    metadata = here.metadata[0] if here.metadata is not None and here.metadata[0] == row[7] else None
    attested = f"{BASE}{row[1]}{PROVENANCE}" if here.provenance is not None else None
    return (*row[:7], metadata, attested)


def _contents(here: _Here, filename: str) -> Iterator[Content]:
    path = f"{FILES}{file_path(here.sha256, filename)}"
    yield Content(path, here.sha256, here.place.size, _reader(here.place))
    if here.metadata is not None:
        sha256, place = here.metadata
        yield Content(f"{path}{METADATA}", sha256, place.size, _reader(place), path)
    if here.provenance is not None:
        yield from _provenance(here.provenance, path)


def _provenance(row: int, path: str) -> Iterator[Content]:
    """As it came; read again when it is written, because it may be large and a project may have many."""
    text = provenance.kept(row)
    if text is not None:
        sha256 = hashlib.sha256(text).hexdigest()
        yield Content(f"{path}{PROVENANCE}", sha256, len(text), lambda: iter([provenance.kept(row) or b""]), path)


def _reader(place: StoredBlob) -> Callable[[], Iterator[bytes]]:
    return lambda: default_storage().read(place)


def _without(releases: Iterable[ReleaseFiles], missing: Collection[str]) -> list[ReleaseFiles]:
    """The releases without files whose paths are missing, nor metadata and provenance whose paths are."""
    found = []
    for release in releases:
        rows = []
        for row in release.files:
            path = f"{FILES}{row[1]}"
            if path not in missing:
                metadata = None if f"{path}{METADATA}" in missing else row[7]
                rows.append((*row[:7], metadata, None if f"{path}{PROVENANCE}" in missing else row[8]))
        if rows:
            found.append(release._replace(files=rows))
    return found
