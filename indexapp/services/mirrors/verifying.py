"""Holding what a mirror has against what its upstream says now, and against the digests of its own rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from indexapp.clients.upstream import Missing, Page, UpstreamFailed, fetch_page
from indexapp.models import File, Index, MirroredProject
from indexapp.services import blobs
from indexapp.services.mirrors import addresses


class Difference(NamedTuple):
    """Something that is not the same on both sides; ``filename`` is empty where it is about the project."""

    project: str
    filename: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.project}: {f'{self.filename}: ' if self.filename else ''}{self.sentence}"


def differences(index: Index, *, reads_bytes: bool = True) -> Iterator[Difference]:
    """Go through every name that the mirror has; nothing is changed by it.

    With ``reads_bytes`` all bytes that are held are read and hashed.
    """
    rows = MirroredProject.objects.filter(index=index, project__isnull=False).select_related("project")
    for row in rows.order_by("normalized_name").iterator():
        try:
            answer = fetch_page(addresses.of(index), row.normalized_name)
        except UpstreamFailed as error:
            yield Difference(row.normalized_name, "", f"the upstream does not say: {error}")
            continue
        if isinstance(answer, Missing):
            yield Difference(row.normalized_name, "", "the upstream has no such project any more.")
        elif isinstance(answer, Page):
            yield from _compare(row, answer, reads_bytes=reads_bytes)


def _compare(row: MirroredProject, page: Page, *, reads_bytes: bool) -> Iterator[Difference]:
    name = row.normalized_name
    held = {file.filename: file for file in _files(row)}
    listed = {said.filename: said for said in page.files}
    for filename in sorted(listed.keys() - held.keys()):
        yield Difference(name, filename, "the upstream lists it, and it is not known here yet.")
    for filename, file in sorted(held.items()):
        said = listed.get(filename)
        if said is None:
            yield Difference(name, filename, "the upstream lists it no more.")
        else:
            known = (
                dict(file.mirrored.digests) if file.is_unhashed else {**file.mirrored.digests, "sha256": file.sha256}
            )
            for algorithm in sorted(known.keys() & said.digests.keys()):
                if known[algorithm] != said.digests[algorithm]:
                    yield Difference(name, filename, f"the upstream has other bytes now, by their {algorithm}.")
                    break
        if reads_bytes and file.blob is not None and not blobs.is_whole(file.blob):
            yield Difference(name, filename, "its bytes here are damaged or missing.")


def _files(row: MirroredProject) -> Iterator[File]:
    return File.objects.filter(project=row.project).select_related("mirrored", "blob").order_by().iterator()
