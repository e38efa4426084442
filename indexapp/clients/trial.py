"""What an operator sees of an upstream before using it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from indexapp.clients import html_reading, json_reading
from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.asking import MISSING, ask, refusal, told
from indexapp.clients.failures import Failure, UpstreamFailed
from indexapp.clients.html_reading import Anchor
from indexapp.clients.json_reading import NotTheForm
from indexapp.clients.pages import (
    ACCEPT,
    MOST_BYTES,
    Form,
    Page,
    bad_answer,
    fetch_page,
    form_of,
    is_declared,
    is_version_one,
    serial_of,
)
from indexapp.domain.names import is_valid_name, normalize_name
from tpi_site.kit.outbound import Limits, OutboundFailed, Response

_LOOKED_AT = 200  # links of a list
_TRIED = 3  # pages of projects
_FILES = (".whl", ".tar.gz", ".zip", ".egg", ".tar.bz2")
_HINT = "Look at the address; the root of a simple repository mostly ends in /simple/"
_LIMITS = Limits(most=16 * MOST_BYTES, head=12.0, idle=12.0, total=12.0)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """``sentence`` tells all of it; ``code`` is empty where the upstream can be used."""

    sentence: str
    code: str = ""
    seconds: float = 0.0
    """Until the headers were there."""
    tls: str = ""
    """Version of TLS; empty without."""
    form: Form | None = None
    """None where the upstream has no list of projects, which tells nothing of its pages."""
    last_serial: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it answered as a simple repository does."""
        return not self.code


def test(address: UpstreamAddress) -> Trial:
    """Ask for the list of projects; nothing is raised."""
    began = time.monotonic()
    try:
        with ask(address, address.root, {"Accept": ACCEPT}, limits=_LIMITS, takes_gzip=True) as response:
            trial, doubtful = _told(response, time.monotonic() - began)
        if doubtful:
            _require_a_page(address, doubtful)
    except UpstreamFailed as failure:
        return Trial(sentence=failure.sentence, code=failure.code, seconds=time.monotonic() - began)
    return trial


def flaw(address: UpstreamAddress) -> str:
    """What is wrong with the address as it is written, before anybody is asked; empty where nothing is."""
    try:
        address.way.check()
        if "@" in urlsplit(address.url).netloc:
            return "Give the user name and the password by themselves: those inside an address are not used."
    except OutboundFailed as error:
        return str(error)
    return ""


def _told(response: Response, seconds: float) -> tuple[Trial, list[str]]:
    """What came of it, and names whose pages are to be looked at before it is believed."""
    if response.status in MISSING:
        sentence = "It answers, and has no list of projects; their pages may be there all the same."
        return Trial(sentence=sentence, seconds=seconds, tls=response.tls), []
    if response.status != 200:  # noqa: PLR2004  OK
        raise refusal(response)
    form, serial = form_of(response), serial_of(response.headers.get("X-PyPI-Last-Serial"))
    try:
        doubtful = _read_json_list(response) if form == "json" else _read_html_list(response)
    except NotTheForm as error:
        raise bad_answer(response, f"a page that is no list of projects: {error}. {_HINT}") from None
    sentence = _sentence(form, serial)
    return Trial(sentence=sentence, seconds=seconds, tls=response.tls, form=form, last_serial=serial), doubtful


def _require_a_page(address: UpstreamAddress, names: list[str]) -> None:
    """Refuse links that only look like those of a list: none of them leads to a page with files."""
    for name in names:
        try:
            if isinstance(fetch_page(address, name), Page):
                return
        except UpstreamFailed:
            continue
    said = f"{urlsplit(address.root).hostname} gives a page whose links lead to no page of a project. {_HINT}."
    raise UpstreamFailed(said, Failure.BAD_ANSWER)


def _sentence(form: Form, serial: int | None) -> str:
    kinds = {"json": "JSON, with all fields", "html": "HTML only: upload times and sizes are not in it"}
    return f"It answers in {kinds[form]}." + ("" if serial is None else f" Its serial is {serial}.")


def _read_json_list(response: Response) -> list[str]:
    """Read as far as the first project, and what the document says of itself: PyPI's list has 40 MB."""
    is_known = has_projects = False
    for key, value in json_reading.members(told(response.body), piecewise="projects"):
        if key == "files":
            raise NotTheForm("it is the page of a single project")
        is_known = is_known or (key == "meta" and isinstance(value, dict) and is_version_one(value.get("api-version")))
        has_projects = has_projects or (key == "projects" and isinstance(value, dict) and "name" in value)
        if is_known and has_projects:
            break
    if not is_known:
        raise NotTheForm("it is of no known version of the simple API")
    return []


def _read_html_list(response: Response) -> list[str]:
    """PEP 503: links whose text is a project's name and whose last part is that name; any web page is text/html too.

    Answers some of the names, where nothing but the links says what it is.
    """
    head, links = html_reading.Head(), _Links(response.url)
    charset = response.headers.get_content_charset()
    pieces = told(response.body)
    found = html_reading.anchors(pieces, head, page_url=response.url, charset=charset, most_marks=1000 * _LOOKED_AT)
    links.take(found)
    version = head.metas.get("repository-version")
    if version is not None and not is_version_one(version.strip()):
        raise NotTheForm("it is of no known version of the simple API")
    if links.files and not links.projects:
        raise NotTheForm("it is the page of a single project")
    if version is not None or is_declared(response):
        return []
    if not links.projects or links.others > len(links.projects) // 10:
        raise NotTheForm("it does not say that it is one, and its links are not those of projects")
    return links.projects[:_TRIED]


class _Links:
    """How many of the first links lead to projects, to files, and elsewhere."""

    def __init__(self, page_url: str) -> None:
        self._path = urlsplit(page_url).path
        self.projects: list[str] = []
        self.files = self.others = 0

    def take(self, anchors: Iterator[Anchor]) -> None:
        """Count them; those up the tree, and those that sort a listing of a folder, are nothing."""
        for anchor in anchors:
            path, text = urlsplit(anchor.url).path, anchor.text.rstrip("/")
            if self._path.startswith(path):
                continue
            if text.endswith(_FILES):
                self.files += 1
            elif is_valid_name(text) and _last_part(path) == normalize_name(text):
                self.projects.append(normalize_name(text))
            else:
                self.others += 1
            if len(self.projects) + self.files + self.others >= _LOOKED_AT:
                return


def _last_part(path: str) -> str:
    return normalize_name(unquote(path.rstrip("/").rpartition("/")[2]))
