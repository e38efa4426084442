"""The project page of the Simple repository API, as JSON and as HTML (PEP 503, 592, 658, 691, 700, 714, 740, 792).

JSON carries every key of API 1.4.  HTML stays at 1.4 for good (PEP 833): some consumers read it by attribute order and
white space, so its form is pinned byte for byte by golden documents.

A page of 2,000 files is half a megabyte and is made anew after each change of the project: both functions therefore
walk plain tuples and join strings, with no object, dictionary or template per file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from indexapp.domain.escaping import html_bytes, html_text, json_text

API_VERSION = "1.4"
QUARANTINED = "quarantined"

FileRow = tuple[str, str, str, int | None, str, str | None, str | None, str | None, str | None]
"""What the renderers read: a :class:`FileLine`, or any tuple of that shape, such as a row from the database."""


class FileLine(NamedTuple):
    """One file of a project page.

    Digests are lower-case hexadecimal and times are made by :func:`indexapp.domain.timestamps.iso_utc`; those are
    written as they are.  All other text is escaped.
    """

    filename: str
    path: str
    """Below the index's files root, ``<sha256-prefix path>/<filename>``, percent-encoded."""
    sha256: str
    """Empty where nobody knows it yet."""
    size: int | None
    """In bytes; None where nobody knows it yet."""
    upload_time: str
    """UTC, ISO 8601 with microseconds and ``Z``: uv refuses a page with a time that has no zone."""
    requires_python: str | None = None
    yanked_reason: str | None = None
    """``None``: not yanked; ``""``: yanked without a reason."""
    core_metadata_sha256: str | None = None
    """Digest of ``<file>.metadata`` where that is served: pip and uv fail an install when it is not there."""
    provenance: str | None = None
    """Absolute URL of the PEP 740 provenance object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """What a project page says besides its files."""

    name: str
    """Normalised."""
    files_base: str
    """URL prefix of the files, ending in a slash: ``/acme/files/`` or ``../../acme/files/``."""
    versions: Sequence[str]
    status: str = "active"
    status_reason: str = ""
    last_serial: int = 0

    @property
    def offers_files(self) -> bool:
        """PEP 792: a quarantined project keeps its page, so that installers look no further, and offers no files."""
        return self.status != QUARANTINED


class PageForm(NamedTuple):
    """How a page is put together: ``head``, a line for each file with ``separator`` between them, ``tail``; all ASCII.

    A caller may keep lines while their files stay the same: they depend on nothing else but the base.
    """

    frame: Callable[[ProjectPage], tuple[str, str]]
    """Head and tail."""
    lines: Callable[[str, Iterable[FileRow]], list[str]]
    """The lines of files below a base, in the order given."""
    separator: str

    def render(self, page: ProjectPage, files: Iterable[FileRow]) -> bytes:
        """Return the whole page."""
        head, tail = self.frame(page)
        shown: Iterable[FileRow] = files if page.offers_files else ()
        return html_bytes(f"{head}{self.separator.join(self.lines(page.files_base, shown))}{tail}")


def render_json(page: ProjectPage, files: Iterable[FileRow]) -> bytes:
    """Return the page as compact JSON with sorted keys and a final newline.

    ``size``, ``upload-time`` and ``yanked`` are never null and ``yanked`` is never empty, because uv then rejects the
    whole page; ``requires-python`` and ``provenance`` are left out where there is none.
    """
    return JSON_FORM.render(page, files)


def _json_frame(page: ProjectPage) -> tuple[str, str]:
    versions = page.versions if page.offers_files else ()
    reason = f'"reason":{json_text(page.status_reason)},' if page.status_reason else ""
    tail = (
        f'],"meta":{{"_last-serial":{page.last_serial},"api-version":"{API_VERSION}"}}'
        f',"name":{json_text(page.name)}'
        f',"project-status":{{{reason}"status":{json_text(page.status)}}}'
        f',"versions":[{",".join(map(json_text, versions))}]}}\n'
    )
    return '{"files":[', tail


def _json_lines(base: str, files: Iterable[FileRow]) -> list[str]:
    return [
        f'{{"core-metadata":{_json_hashes(metadata) if metadata else "false"}'
        f',"filename":{json_text(filename)}'
        f',"hashes":{_json_hashes(sha256) if sha256 else "{}"}'
        f"{_json_provenance(provenance) if provenance else ''}"
        f"{_json_requires(requires_python) if requires_python else ''}"
        f'{"" if size is None else _json_size(size)},"upload-time":"{upload_time}"'
        f',"url":{json_text(base + path)}'
        f',"yanked":{"false" if yanked is None else _json_yanked(yanked)}}}'
        for filename, path, sha256, size, upload_time, requires_python, yanked, metadata, provenance in files
    ]


def _json_hashes(sha256: str) -> str:
    return f'{{"sha256":"{sha256}"}}'


def _json_size(size: int) -> str:
    return f',"size":{size}'


def _json_provenance(url: str) -> str:
    return f',"provenance":{json_text(url)}'


@lru_cache(maxsize=512)  # a project's files share a handful of values
def _json_requires(specifier: str) -> str:
    return f',"requires-python":{json_text(specifier)}'


@lru_cache(maxsize=128)
def _json_yanked(reason: str) -> str:
    return json_text(reason) if reason else "true"


def render_html(page: ProjectPage, files: Iterable[FileRow]) -> bytes:
    """Return the page as HTML of API 1.4: one anchor on each line, and the serial in a comment after the document."""
    return HTML_FORM.render(page, files)


def _html_frame(page: ProjectPage) -> tuple[str, str]:
    name = html_text(page.name)
    head = (
        "<!DOCTYPE html>\n<html>\n<head>\n"
        f'<meta name="pypi:repository-version" content="{API_VERSION}">\n'
        f"{_html_status(page)}"
        f"<title>Links for {name}</title>\n</head>\n<body>\n<h1>Links for {name}</h1>\n"
    )
    return head, f"</body>\n</html>\n<!--SERIAL {page.last_serial}-->\n"


def _html_status(page: ProjectPage) -> str:
    status = f'<meta name="pypi:project-status" content="{html_text(page.status)}">\n'
    if not page.status_reason:
        return status
    return f'{status}<meta name="pypi:project-status-reason" content="{html_text(page.status_reason)}">\n'


def _html_lines(base: str, files: Iterable[FileRow]) -> list[str]:
    base = html_text(base)
    return [
        f'<a href="{base}{html_text(path)}{"#sha256=" if sha256 else ""}{sha256}"'
        f"{_html_requires(requires_python) if requires_python else ''}"
        f"{'' if yanked is None else _html_yanked(yanked)}"
        f"{_html_metadata(metadata) if metadata else ''}"
        f"{_html_provenance(provenance) if provenance else ''}"
        f">{html_text(filename)}</a><br>\n"
        for filename, path, sha256, _size, _time, requires_python, yanked, metadata, provenance in files
    ]


@lru_cache(maxsize=512)
def _html_requires(specifier: str) -> str:
    return f' data-requires-python="{html_text(specifier)}"'


@lru_cache(maxsize=128)
def _html_yanked(reason: str) -> str:
    return f' data-yanked="{html_text(reason)}"'


def _html_metadata(sha256: str) -> str:
    # Both names with one value: installers from before PEP 714 read the first, later ones the second.
    return f' data-dist-info-metadata="sha256={sha256}" data-core-metadata="sha256={sha256}"'


def _html_provenance(url: str) -> str:
    return f' data-provenance="{html_text(url)}"'


JSON_FORM = PageForm(_json_frame, _json_lines, ",")
HTML_FORM = PageForm(_html_frame, _html_lines, "")
