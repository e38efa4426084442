"""Bodies that hold a list of requirements, which may be larger than what else this API is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import IO, Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from rest_framework.parsers import BaseParser

from accounts.api.bodies import StrictJSONParser, parse_json
from indexapp.services.prefetch import asking
from tpi_site.kit import small_bodies
from tpi_site.kit.bodies import Body, turn
from tpi_site.kit.errors import Invalid, TooLarge

MOST = 8 * 2**20
"""Bytes of a body; the lock of 2,000 packages has about four million."""
_MOST_PARTS = 100
_REPEATED = ("pythons", "platforms")


class ListParser(StrictJSONParser):
    """JSON as everywhere in this API.  A large body is read in its turn, and its sender is not waited for for ever."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value that the body spells; an empty body is an empty object."""
        raw = _whole(stream, (parser_context or {})["request"].META)
        return parse_json(raw) if raw.strip() else {}


class ListFormParser(BaseParser):
    """A form with the list as a file, as ``curl -F`` sends it; the same keys as in JSON, of which lists are repeated."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The form's fields, in which ``content`` and ``filename`` are the file's."""
        return read_form(_whole(stream, (parser_context or {})["request"].META), media_type or "")


def read_form(raw: bytes, content_type: str) -> dict[str, Any]:
    """The fields of a form as JSON would have them; raises :class:`Invalid`."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise Invalid(
            "The header 'Content-Type' names no boundary between the form's parts; leave the header to your client.",
            code="form-broken",
        )
    fields: dict[str, Any] = {}
    file: tuple[str, str] | None = None
    try:
        parser = PushMultipartParser(boundary, content_length=len(raw), max_segment_count=_MOST_PARTS)
        for segment, value in _parts(parser.parse_blocking(BytesIO(raw).read, MOST)):
            if segment.filename is None:
                _put(fields, segment.name, _text(segment.name, value))
            elif file is not None or segment.name not in ("file", "content"):
                raise Invalid("Send one file, as 'file'.", code="form-broken")
            else:
                file = segment.filename, asking.as_text(value)
    except (MultipartError, ValueError) as error:
        raise Invalid(_fault(error), code="form-broken") from None
    if file is not None:
        _put(fields, "content", file[1])
        fields.setdefault("filename", file[0])
    if "content" not in fields:
        raise Invalid("The form has no file; send the list as the file 'file'.", code="file-missing")
    return fields


def _fault(error: ValueError) -> str:
    """What is wrong with a form; the parser's own words are its error's first argument."""
    if any(isinstance(one, UnicodeError) for one in (error, *error.args)):
        return "A name in the form is not UTF-8; give the list a plain file name, such as requirements.txt."
    return f"The form is broken or was cut off: {next(iter(error.args), 'it cannot be read')}. Send it again."


def _parts(
    events: Iterator[MultipartSegment | bytes | bytearray | None],
) -> Iterator[tuple[MultipartSegment, bytes]]:
    for event in events:
        if isinstance(event, MultipartSegment):
            yield event, b"".join(iter(lambda: next(events), None))  # None ends a part


def _put(fields: dict[str, Any], name: str, value: str) -> None:
    if name in _REPEATED:
        fields.setdefault(name, []).append(value)
    elif name in fields:
        raise Invalid(f"The form names {name[:64]!a} twice; name each field once.", code="form-broken")
    else:
        fields[name] = value


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{name[:64]!a}: The value is not UTF-8.", code="field-not-utf8") from None


def _whole(stream: IO[bytes], environ: dict[str, Any]) -> bytes:
    """The bytes of a body of bounded size."""
    body = Body(environ)
    if body.left > MOST:
        raise TooLarge(f"A body with a list has at most {MOST} bytes; divide the list.", code="body-too-large")
    return _received(body) if body.left > small_bodies.MOST else stream.read(small_bodies.MOST)


def _received(body: Body) -> bytes:
    pieces = []
    with turn():
        while body.left:
            pieces.append(body.read(body.left))
    return b"".join(pieces)
