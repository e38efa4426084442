"""Reading an upload's multipart body as it streams: fields into memory, the file into the storage's spool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from indexapp.domain.digests import MultiDigest
from indexapp.storage import Spool
from tpi_site.kit.errors import Invalid, TooLarge

PIECE = 1024 * 1024
"""gunicorn reads ahead as much and copies what is left of it for each smaller piece: 256 KiB cost three times the CPU."""
MAX_FIELDS_SIZE = 24 * 2**20
MAX_FIELDS = 4000
_FILE_FIELD = "content"


@dataclass
class UploadForm:
    """The fields of the form, and of the file part its name and type; its bytes are in the spool."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    filename: str | None = None
    content_type: str = ""
    fields_size: int = 0


def boundary_of(content_type: str) -> str:
    """The multipart boundary that the request's Content-Type names."""
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or len(boundary) > 200:  # noqa: PLR2004  RFC 2046 says 70
        raise Invalid(
            "An upload is a multipart/form-data request with a boundary; use an upload tool such as twine.",
            code="form-not-multipart",
        )
    return str(boundary)


def read_form(
    read: Callable[[int], bytes],
    *,
    content_type: str,
    content_length: int,
    spool: Spool,
    digest: MultiDigest,
    max_file_size: int,
) -> UploadForm:
    """Read the whole body through ``read(size)``; the file part goes into ``spool`` and ``digest``.

    Refuses a broken, truncated or oversized body; memory stays at one piece and the fields.
    """
    form = UploadForm()
    try:
        parser = PushMultipartParser(
            boundary_of(content_type), content_length=content_length, max_segment_count=MAX_FIELDS
        )
        for segment, payloads in _segments(parser.parse_blocking(read, PIECE)):
            if segment.name == _FILE_FIELD:
                _take_file(form, segment, payloads, spool, digest, max_file_size)
            else:
                _take_field(form, segment, payloads)
    except ParserLimitReached:
        raise TooLarge("The form has more fields or longer headers than an upload needs.", code="form-limits") from None
    except MultipartError as error:
        raise Invalid(f"The form is broken or was cut off: {error}. Send it again.", code="form-broken") from None
    return form


def _segments(
    events: Iterator[MultipartSegment | bytes | bytearray | None],
) -> Iterator[tuple[MultipartSegment, Iterator[bytes]]]:
    """Each part with an iterator over its bytes, which must be used up before the next part is asked for."""
    for event in events:
        if isinstance(event, MultipartSegment):
            yield event, iter(lambda: next(events), None)  # type: ignore[arg-type, return-value]  # None ends a part


def _take_file(
    form: UploadForm,
    segment: MultipartSegment,
    payloads: Iterator[bytes],
    spool: Spool,
    digest: MultiDigest,
    max_file_size: int,
) -> None:
    if form.filename is not None:
        raise Invalid("The form has two files named content; send one file a request.", code="form-two-files")
    if segment.filename is None:
        raise Invalid("Upload payload does not have a file.", code="file-missing")
    form.filename = segment.filename
    form.content_type = segment.content_type or ""
    size = 0
    for piece in payloads:
        size += len(piece)
        if size > max_file_size:
            raise TooLarge(f"File too large. The limit is {max_file_size} bytes.", code="file-too-large")
        spool.file.write(piece)
        digest.update(piece)


def _take_field(form: UploadForm, segment: MultipartSegment, payloads: Iterator[bytes]) -> None:
    if segment.filename is not None:
        if segment.name == "gpg_signature":
            for _ in payloads:
                pass
            return
        raise Invalid(f"{segment.name}: Should not be a file; send it as a plain field.", code="field-is-file")
    pieces = []
    for piece in payloads:
        form.fields_size += len(piece)
        if form.fields_size > MAX_FIELDS_SIZE:
            raise TooLarge("The form's fields are larger than any metadata; shorten them.", code="form-limits")
        pieces.append(piece)
    try:
        value = b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{segment.name}: The value is not UTF-8.", code="field-not-utf8") from None
    form.fields.setdefault(segment.name, []).append(value)
