"""The page of a project, in the best form that the upstream has."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal

from indexapp.clients import html_reading, json_reading
from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.asking import MISSING, ask, refusal, told
from indexapp.clients.failures import Failure, UpstreamFailed
from indexapp.clients.files import Dropped, UpstreamFile, from_anchor, from_json, plain
from indexapp.clients.json_reading import NotTheForm
from indexapp.domain.names import normalize_name
from tpi_site.kit.outbound import Limits, Response, Target

MOST_BYTES = 64 * 1024 * 1024
"""Of a page, unpacked."""
MOST_FILES = 200_000
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
STATUSES = frozenset({"active", "archived", "quarantined", "deprecated"})
"""PEP 792."""

Form = Literal["json", "html"]

_LIMITS = Limits(most=MOST_BYTES, head=12.0, idle=10.0, total=30.0)
_FORMS: dict[str, Form] = {
    "application/vnd.pypi.simple.v1+json": "json",
    "application/json": "json",  # what static trees say of a file with that ending
    "application/vnd.pypi.simple.v1+html": "html",
    "text/html": "html",
}
_VERSION_ONE = re.compile(r"1\.\d{1,4}\Z")
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"\Z')
_DATE = re.compile(r"[A-Za-z0-9 ,:+-]{1,64}\Z")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_UNKEPT = re.compile(r"(?:^|[,\s])no-(?:cache|store)\b", re.IGNORECASE)
_SERIAL = re.compile(r"\d{1,18}\Z")
_KEYS = frozenset({"meta", "name", "project-status", "versions"})
_MOST_VERSION = 100  # characters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NotModified:
    """The page is as it was when its validators were given; ``max_age`` in seconds, if the upstream says one."""

    max_age: int | None = None


@dataclass(frozen=True)
class Missing:
    """The upstream has no such project."""

    max_age: int | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the upstream says of a project.

    ``etag`` and ``last_modified`` are to be given to the next :func:`fetch_page`; ``dropped`` counts the entries that are
    not offered, by reason (:class:`indexapp.clients.files.Dropped`, and ``duplicate``).
    """

    name: str
    """Normalised."""
    files: tuple[UpstreamFile, ...]
    versions: tuple[str, ...] = ()
    """As PEP 700 lists them, those without files too; empty where the upstream does not."""
    status: str = "active"
    status_reason: str = ""
    etag: str = ""
    last_modified: str = ""
    last_serial: int | None = None
    max_age: int | None = None
    form: Form = "json"
    dropped: Mapping[str, int] = field(default_factory=dict)


PageAnswer = NotModified | Missing | Page


def fetch_page(
    address: UpstreamAddress,
    normalized_name: str,
    *,
    etag: str = "",
    last_modified: str = "",
    passes_caches: bool = False,
) -> PageAnswer:
    """Ask for a project; raises :class:`UpstreamFailed`. One bad file never costs the others.

    With ``passes_caches`` a proxy's copy will not do.
    """
    headers = {"Accept": ACCEPT} | ({"Cache-Control": "no-cache"} if passes_caches else {})
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    with ask(address, address.page(normalized_name), headers, limits=_LIMITS, takes_gzip=True) as response:
        max_age = max_age_of(response.headers)
        if response.status == 304 and (etag or last_modified):  # noqa: PLR2004  not modified
            return NotModified(max_age)
        if response.status in MISSING:
            return Missing(max_age)
        if response.status != 200:  # noqa: PLR2004  OK
            raise refusal(response)
        page = _read(response, normalized_name)
    if page.dropped:
        counts = ", ".join(f"{count} by {reason}" for reason, count in sorted(page.dropped.items()))
        log.info("The upstream's page of %s has entries that are not offered: %s.", normalized_name, counts)
    return page


def form_of(response: Response) -> Form:
    """In which form the answer is; raises UpstreamFailed for none that is known."""
    kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if form := _FORMS.get(kind):
        return form
    said = f"of type {plain(kind, 60)!a}" if kind else "without a type"
    raise bad_answer(response, f"an answer {said}, which is no page of a simple repository")


def is_declared(response: Response) -> bool:
    """Whether the answer's type is one that only simple repositories have."""
    return "application/vnd.pypi.simple" in (response.headers.get("Content-Type") or "")


def bad_answer(response: Response, what: str) -> UpstreamFailed:
    """That what came is not what belongs there."""
    return UpstreamFailed(f"{Target.of(response.url).host} gives {what}.", Failure.BAD_ANSWER)


def serial_of(said: Any) -> int | None:
    """A serial from a header or a document."""
    text = str(said).strip() if isinstance(said, (str, int)) else ""
    return int(text) if text.isascii() and _SERIAL.match(text) else None


def is_version_one(said: Any) -> bool:
    """Whether the repository speaks a version that can be read."""
    return isinstance(said, str) and _VERSION_ONE.match(said) is not None


def max_age_of(headers: Message) -> int | None:
    """Seconds that the answer stays good, as Cache-Control says."""
    said = headers.get("Cache-Control") or ""
    if _UNKEPT.search(said):
        return 0
    found = _MAX_AGE.search(said)
    return int(found[1]) if found else None


def etag_of(headers: Message) -> str:
    """The entity tag, if it is one."""
    said = str(headers.get("ETag") or "").strip()
    return said if _ETAG.match(said) else ""


def last_modified_of(headers: Message) -> str:
    """The date of the last change, as the server wrote it."""
    said = str(headers.get("Last-Modified") or "").strip()
    return said if _DATE.match(said) else ""


def _read(response: Response, name: str) -> Page:
    reading = _Reading(response, name)
    form = form_of(response)
    try:
        said = reading.json() if form == "json" else reading.html()
    except NotTheForm as error:
        raise bad_answer(response, f"a page that cannot be read: {error}") from None
    serial = serial_of(response.headers.get("X-PyPI-Last-Serial"))
    return Page(
        name=name,
        files=tuple(reading.files.values()),
        versions=said.versions,
        status=said.status if said.status in STATUSES else "active",
        status_reason=plain(said.status_reason),
        etag=etag_of(response.headers),
        last_modified=last_modified_of(response.headers),
        last_serial=said.last_serial if serial is None else serial,
        max_age=max_age_of(response.headers),
        form=form,
        dropped=reading.dropped,
    )


@dataclass
class _Said:
    """What a page says besides its files."""

    versions: tuple[str, ...] = ()
    status: str = ""
    status_reason: str = ""
    last_serial: int | None = None


class _Reading:
    def __init__(self, response: Response, name: str) -> None:
        self._response, self._name = response, name
        self.files: dict[str, UpstreamFile] = {}
        self.dropped: Counter[str] = Counter()

    def json(self) -> _Said:
        """PEP 691, with what came after it."""
        other: dict[str, Any] = {}
        for key, value in json_reading.members(told(self._response.body), piecewise="files"):
            if key == "files":
                self._keep(lambda: from_json(value, name=self._name, page_url=self._response.url))  # noqa: B023  at once
            elif key in _KEYS:
                other[key] = value
        meta = other.get("meta")
        if not isinstance(meta, dict) or not is_version_one(meta.get("api-version")):
            raise NotTheForm("it is of no known version of the simple API")
        if not isinstance(other.get("name"), str) or normalize_name(other["name"]) != self._name:
            raise NotTheForm("it is the page of another project")
        status = other.get("project-status", meta.get("project-status"))
        status = status if isinstance(status, dict) else {}
        return _Said(
            versions=_versions(other.get("versions")),
            status=_text(status.get("status")),
            status_reason=_text(status.get("reason")),
            last_serial=serial_of(meta.get("_last-serial")),
        )

    def html(self) -> _Said:
        """PEP 503, with what came after it."""
        head = html_reading.Head()
        for anchor in self._anchors(head):
            self._keep(lambda: from_anchor(anchor, name=self._name, page_url=self._response.url))  # noqa: B023  at once
        version = head.metas.get("repository-version")
        if version is not None and not is_version_one(version.strip()):
            raise NotTheForm("it is of no known version of the simple API")
        if version is None and not self.files and not is_declared(self._response):
            raise NotTheForm("it has no file of the project and does not say that it is a page of a simple repository")
        return _Said(
            status=head.metas.get("project-status", "").strip().lower(),
            status_reason=head.metas.get("project-status-reason", ""),
            last_serial=head.last_serial,
        )

    def _anchors(self, head: html_reading.Head) -> Iterator[html_reading.Anchor]:
        charset = self._response.headers.get_content_charset()
        pieces = told(self._response.body)
        url = self._response.url
        return html_reading.anchors(pieces, head, page_url=url, charset=charset, most_marks=15 * MOST_FILES)

    def _keep(self, read: Any) -> None:
        if len(self.files) + self.dropped.total() >= MOST_FILES:
            raise UpstreamFailed(f"A page has more than {MOST_FILES} entries.", Failure.TOO_LARGE)
        try:
            file: UpstreamFile = read()
        except Dropped as drop:
            self.dropped[drop.reason] += 1
            return
        if self.files.setdefault(file.filename, file) is not file:
            self.dropped["duplicate"] += 1


def _versions(said: Any) -> tuple[str, ...]:
    listed = said if isinstance(said, list) else []
    return tuple(one for one in listed if isinstance(one, str) and one == plain(one, _MOST_VERSION))


def _text(said: Any) -> str:
    return said if isinstance(said, str) else ""
