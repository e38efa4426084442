"""The root of the Simple repository API, which lists the projects, as JSON and as HTML (PEP 503, 629, 691)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from indexapp.domain.escaping import html_bytes, html_text, json_text
from indexapp.domain.simple_page import API_VERSION

ProjectRow = tuple[str, str, int]
"""A project's name as its owner wrote it, its normalised name, its last serial."""

_by_normalized_name = itemgetter(1)


def render_json(projects: Iterable[ProjectRow], *, last_serial: int) -> bytes:
    """Return the list as compact JSON with sorted keys, ordered by normalised name, with a final newline.

    bandersnatch skips every project that has no ``_last-serial``, so each entry carries it.
    """
    # Sorted here and not by the database: collations differ between databases, and pages and their ETags must not.
    return b"".join(json_pieces(sorted(projects, key=_by_normalized_name), last_serial=last_serial))


def json_pieces(projects: Iterable[ProjectRow], *, last_serial: int) -> Iterator[bytes]:
    """The same in pieces, of rows that are in order already: a list of a million names is not held."""
    yield f'{{"meta":{{"_last-serial":{last_serial},"api-version":"{API_VERSION}"}},"projects":['.encode()
    separator = ""
    for name, _normalized, serial in projects:
        yield f'{separator}{{"_last-serial":{serial},"name":{json_text(name)}}}'.encode()
        separator = ","
    yield b"]}\n"


def render_html(projects: Iterable[ProjectRow], *, last_serial: int) -> bytes:
    """Return the list as HTML of API 1.4: one relative anchor for each project, ordered by normalised name."""
    return b"".join(html_pieces(sorted(projects, key=_by_normalized_name), last_serial=last_serial))


def html_pieces(projects: Iterable[ProjectRow], *, last_serial: int) -> Iterator[bytes]:
    """The same in pieces, as :func:`json_pieces`."""
    yield html_bytes(
        "<!DOCTYPE html>\n<html>\n<head>\n"
        f'<meta name="pypi:repository-version" content="{API_VERSION}">\n'
        "<title>Simple index</title>\n</head>\n<body>\n"
    )
    for name, normalized, _serial in projects:
        yield html_bytes(f'<a href="{html_text(normalized)}/">{html_text(name)}</a><br>\n')
    yield f"</body>\n</html>\n<!--SERIAL {last_serial}-->\n".encode()
