"""The list of all projects that an upstream has, read as it comes: it may have a million."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from indexapp.clients import html_reading, json_reading
from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.asking import MISSING, ask, refusal, told
from indexapp.clients.json_reading import NotTheForm
from indexapp.clients.pages import (
    ACCEPT,
    NotModified,
    bad_answer,
    etag_of,
    form_of,
    is_version_one,
    max_age_of,
    serial_of,
)
from indexapp.domain.names import is_valid_name
from tpi_site.kit.outbound import Limits, Response

_LIMITS = Limits(most=1024**3, head=30.0, idle=30.0, total=1800.0)
_MOST_MARKS = 20_000_000
_NO_LIST = MISSING | {405, 501}


class ListedProject(NamedTuple):
    """A name as the upstream writes it, and the serial of its last change where the list says it."""

    name: str
    last_serial: int | None = None


class ProjectNames:
    """Iterate once over the names; :meth:`entries` gives their serials too. Close what you do not read to its end.

    Names that no project may have are left out. Reading raises UpstreamFailed, also after the first names.
    """

    def __init__(self, response: Response) -> None:
        self._response = response
        self._form = form_of(response)
        self.last_serial = serial_of(response.headers.get("X-PyPI-Last-Serial"))
        """Of the whole list; where no header tells it, known when the list was read."""
        self.etag = etag_of(response.headers)

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in self.entries())

    def entries(self) -> Iterator[ListedProject]:
        """The projects in the order of the list."""
        try:
            yield from (entry for entry in self._read() if is_valid_name(entry.name))
        except NotTheForm as error:
            raise bad_answer(self._response, f"a list that cannot be read: {error}") from None
        finally:
            self.close()

    def close(self) -> None:
        """Read nothing more."""
        self._response.close()

    def _read(self) -> Iterator[ListedProject]:
        return self._json() if self._form == "json" else self._html()

    def _json(self) -> Iterator[ListedProject]:
        is_list = False
        for key, value in json_reading.members(told(self._response.body), piecewise="projects"):
            if key == "projects" and isinstance(value, dict) and isinstance(value.get("name"), str):
                yield ListedProject(value["name"], serial_of(value.get("_last-serial")))
            elif key == "meta" and isinstance(value, dict):
                is_list = is_version_one(value.get("api-version"))
                if self.last_serial is None:
                    self.last_serial = serial_of(value.get("_last-serial"))
        if not is_list:
            raise NotTheForm("it is of no known version of the simple API")

    def _html(self) -> Iterator[ListedProject]:
        head, count = html_reading.Head(), 0
        charset = self._response.headers.get_content_charset()
        pieces = told(self._response.body)
        url = self._response.url
        for anchor in html_reading.anchors(pieces, head, page_url=url, charset=charset, most_marks=_MOST_MARKS):
            name = anchor.text.rstrip("/")
            count += is_valid_name(name)
            yield ListedProject(name)
        if not count and "repository-version" not in head.metas:
            raise NotTheForm("it names no project and does not say that it is a list of a simple repository")


def fetch_project_names(address: UpstreamAddress) -> ProjectNames | None:
    """The list of the upstream, None where it has none; raises UpstreamFailed."""
    names = _fetch(address, {})
    return names if isinstance(names, ProjectNames) else None


def fetch_changed_names(
    address: UpstreamAddress, *, etag: str = "", passes_caches: bool = False
) -> ProjectNames | NotModified | None:
    """The same, unless it is the list that had ``etag``; with ``passes_caches`` a proxy's copy will not do."""
    headers = {"If-None-Match": etag} if etag else {}
    return _fetch(address, headers | ({"Cache-Control": "no-cache"} if passes_caches else {}))


def _fetch(address: UpstreamAddress, headers: dict[str, str]) -> ProjectNames | NotModified | None:
    response = ask(address, address.root, {"Accept": ACCEPT, **headers}, limits=_LIMITS, takes_gzip=True)
    try:
        if response.status == 304 and "If-None-Match" in headers:  # noqa: PLR2004  not modified
            names: ProjectNames | NotModified | None = NotModified(max_age_of(response.headers))
        else:
            names = _names(response)
    except BaseException:
        response.close()
        raise
    if not isinstance(names, ProjectNames):
        response.close()
    return names


def _names(response: Response) -> ProjectNames | None:
    if response.status in _NO_LIST:
        return None
    if response.status != 200:  # noqa: PLR2004  OK
        raise refusal(response)
    return ProjectNames(response)
