"""Pages of a name of ours on which the upstream's files stand too, because somebody said so."""

from __future__ import annotations

from collections.abc import Iterable

from indexapp.services.serving.page_rows import ReleaseFiles


def merge(ours: Iterable[ReleaseFiles], theirs: Iterable[ReleaseFiles]) -> list[ReleaseFiles]:
    """The releases of both projects in order; where both have a file of a name, or two spellings of a version, it is ours."""
    releases = {release.sort_key: release for release in ours}
    taken = {file[0] for release in releases.values() for file in release.files}
    for release in theirs:
        files = [file for file in release.files if file[0] not in taken]
        if not files:
            continue
        own = releases.get(release.sort_key)
        if own is None:
            releases[release.sort_key] = release._replace(files=files)
        else:
            releases[release.sort_key] = own._replace(files=sorted([*own.files, *files], key=lambda file: file[0]))
    return [releases[key] for key in sorted(releases)]
