"""An HTML page of a simple repository read while it comes: its links and what its head says.

Python's own parser is fed as bytes arrive; a tree of the page, as other libraries build it, takes a hundred times its size.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from indexapp.clients.json_reading import NotTheForm

_MOST_PENDING = 256 * 1024  # characters of one tag or comment; each piece that comes looks at them again
_MOST_TEXT = 1000  # characters of a link's text that are kept
_CHARSET = re.compile(r"(?:us-ascii|utf-8|iso-8859-\d{1,2}|windows-125\d)\Z", re.IGNORECASE)
_SERIAL = re.compile(r"\s*SERIAL (\d{1,18})\s*\Z")


@dataclass
class Anchor:
    """A link: its text, where it leads (absolute), and its attributes by lower-case name."""

    text: str
    url: str
    attributes: dict[str, str]


@dataclass
class Head:
    """What the page says of itself, complete when all links are read: ``pypi:`` metas by name, the first of each."""

    metas: dict[str, str] = field(default_factory=dict)
    last_serial: int | None = None


def anchors(
    pieces: Iterator[bytes], head: Head, *, page_url: str, charset: str | None, most_marks: int
) -> Iterator[Anchor]:
    """The links in their order; raises :class:`NotTheForm` for what no browser's page is.

    ``most_marks`` tags, attributes, texts and comments are looked at: reading a million takes some seconds of a processor.
    """
    parser = _Parser(head, page_url)
    decoder = _decoder(charset)
    try:
        for piece in pieces:
            parser.feed(decoder.decode(piece))
            if len(parser.rawdata) > _MOST_PENDING:
                raise NotTheForm("one of its tags is too long")
            if parser.marks > most_marks:
                raise NotTheForm("it has too many tags")
            yield from parser.take()
    except AssertionError:  # Python's parser says so of some marked sections
        raise NotTheForm("its markup is broken") from None
    parser.end_anchor()
    yield from parser.take()


def _decoder(charset: str | None) -> codecs.IncrementalDecoder:
    """Of a charset that pages have; Python also calls codecs what unpacks a bomb."""
    known = charset if charset and _CHARSET.match(charset) else "utf-8"
    try:
        return codecs.getincrementaldecoder(known)(errors="replace")
    except LookupError:
        return codecs.getincrementaldecoder("utf-8")(errors="replace")


class _Parser(HTMLParser):
    def __init__(self, head: Head, page_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._head, self._base, self._has_base = head, page_url, False
        self._attributes: dict[str, str] | None = None
        self._text = ""
        self._done: list[Anchor] = []
        self.marks = 0

    def take(self) -> list[Anchor]:
        """The links that are complete since the last time."""
        done, self._done = self._done, []
        return done

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A link begins, or the head says something."""
        self.marks += 1 + len(attrs)
        attributes = {name: value or "" for name, value in reversed(attrs)}  # of two alike the first counts
        if tag == "a":
            self.end_anchor()
            self._attributes, self._text = attributes, ""
        elif tag == "base" and not self._has_base and "href" in attributes:
            self._has_base, self._base = True, _joined(self._base, attributes["href"])
        elif tag == "meta" and attributes.get("name", "").startswith("pypi:"):
            self._head.metas.setdefault(attributes["name"].removeprefix("pypi:"), attributes.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        """A link ends."""
        self.marks += 1
        if tag == "a":
            self.end_anchor()

    def handle_data(self, data: str) -> None:
        """Text, of a link or not."""
        self.marks += 1
        if self._attributes is not None and len(self._text) <= _MOST_TEXT:
            self._text += data[: _MOST_TEXT + 1]

    def handle_comment(self, data: str) -> None:
        """PyPI writes the serial into one."""
        self.marks += 1
        if found := _SERIAL.match(data):
            self._head.last_serial = int(found[1])

    def end_anchor(self) -> None:
        """Keep the link that is open, if one is."""
        if self._attributes is not None and "href" in self._attributes:
            url = _joined(self._base, self._attributes["href"])
            self._done.append(Anchor(self._text.strip(), url, self._attributes))
        self._attributes = None


def _joined(base: str, reference: str) -> str:
    """The absolute address; empty for what is none, which whoever asks for it refuses."""
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return ""
