"""Distribution files and the metadata beside them: whole, in ranges, or handed to the web server in front."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import quote

from django.conf import settings

from accounts.domain.actors import Actor
from indexapp.domain import byte_ranges
from indexapp.domain.byte_ranges import MultipartByteranges, Span, UnsatisfiableRange
from indexapp.domain.cache_control import file_cache_control
from indexapp.domain.etags import if_none_match
from indexapp.services import downloads
from indexapp.services.integrity import suspicions
from indexapp.services.mirrors.metadata import answering
from indexapp.services.policies import holds, learning
from indexapp.services.replication import on_demand
from indexapp.services.serving import files, gate, watermarks
from indexapp.services.serving.files import ServedFile
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from indexapp.storage import BlobDamaged, KeyMissing, StorageUnavailable, default_storage, refusals
from indexapp.views.machine import mirror_files, primary_files, sites
from indexapp.views.machine.messages import Later, LocalFile, Question, Reply
from indexapp.views.machine.ranges import unsatisfiable
from indexapp.views.machine.simple import reader
from tpi_site.kit import read_only, request_context
from tpi_site.kit.errors import Forbidden, Gone, NotFound, Unavailable

log = logging.getLogger(__name__)
_TYPE = "application/octet-stream"
_SENT = {200, 206, 302}
_HEALED = {"blob-missing", "blob-damaged"}
"""Refusals of what a mirror kept that fetching it once more makes good."""
_SMALL = 256 * 1024
"""Up to this many bytes one read() and one send() are cheaper than sendfile."""


def file(question: Question, index_name: str | None, path: str) -> Reply | Later:
    """The file at ``path`` below the files root of the index; later where an upstream is asked for it first."""
    actor, index, watermark = reader(question, index_name)
    served = files.find(index, path, watermark)
    if served is not None and sites.is_sent_here(question):
        return _open(question, actor, index, path, served, watermark)
    if served is None:
        if gate.reads_everything(actor, index, watermark):
            raise NotFound("The index has no such file; it may have been deleted. Ask for the project's page again.")
        gate.refuse(actor, index.name)
    if not gate.may_read(actor, served.member, served.project, watermark):
        gate.refuse(actor, index.name)
    return _open(question, actor, index, path, served, watermark)


def _open(
    question: Question, actor: Actor, index: ServedIndex, path: str, served: ServedFile, watermark: Watermark
) -> Reply | Later:
    """For who may read it."""
    if served.is_quarantined:
        raise Forbidden(
            f"The project '{served.project[1]}' is quarantined and its files are held back; ask the index's admins why.",
            code="project-quarantined",
        )
    if served.is_hidden:
        filename = path.rpartition("/")[2]
        raise Gone(
            f"The upstream of the index '{served.member.name}' took '{filename}' back, and the index follows it.",
            code="upstream-gone",
        )
    if served.wants:
        judged = partial(_judged_anew, question, actor, index, path)
        return mirror_files.AwaitedFirst(learning.fetch(served.wants), judged)
    return _judged(question, actor, index, path, served, watermark)


def _judged_anew(question: Question, actor: Actor, index: ServedIndex, path: str) -> Reply | Later:
    """With what was learned of the file; what did not come is missing."""
    watermark = watermarks.read()
    served = files.find(index, path, watermark)
    if served is None or served.is_quarantined or served.is_hidden:
        raise NotFound("The index has no such file any more. Ask for the project's page again.")
    return _judged(question, actor, index, path, served, watermark)


def _judged(
    question: Question, actor: Actor, index: ServedIndex, path: str, served: ServedFile, watermark: Watermark
) -> Reply | Later:
    # Before an upstream hears of the question, and of what is kept as well.
    if served.ruling.rule is not None:
        is_of_both = served.beside is not None and gate.may_read(actor, *served.beside, watermarks.read())
        ruling = served.ruling_of_both if is_of_both else served.ruling
        holds.obey(ruling, actor, served.member, served.project[1], path)
    note = partial(_note, question, actor, index.name, served.project[1], path)
    if watermark.sites and served.ruling.rule is None and not served.is_damaged:
        headers = _headers(served, f'"{served.sha256}"')
        reply = sites.reply(question, served, watermark, index=index, path=path, headers=headers, own=_watched)
        if reply is not None:
            note(reply)
            return reply
    if served.member.is_mirror:
        return _of_mirror(question, served, note)
    if served.is_awaited and not files.look_again(served):
        return _of_primary(question, served, note)
    try:
        if served.is_damaged:
            raise refusals.damaged()
        reply = _answer(question, served)
    except Unavailable as refusal:
        if refusal.code not in _HEALED or read_only.primary() is None:
            raise
        return _of_primary(question, served, note)
    note(reply)
    return reply


def _of_primary(question: Question, served: ServedFile, note: Callable[[Reply], None]) -> Reply | Later:
    wanted = on_demand.content_of(served.row, is_metadata=served.is_metadata)
    return primary_files.answer(question, wanted, _headers(served, ""), note)


def _watched(served: ServedFile, span: Span) -> Iterator[bytes]:
    return suspicions.watching(_pieces(served, span), served.sha256)


def _of_mirror(question: Question, served: ServedFile, note: Callable[[Reply], None]) -> Reply | Later:
    """What is kept, as of any file; what is not, or not any more as it was put, is fetched."""
    reply: Reply | None = None
    if (served.stored is not None or files.look_again(served)) and not served.is_damaged:
        try:
            reply = _answer(question, served)
        except Unavailable as refusal:
            if refusal.code not in _HEALED:
                raise
    if reply is None and read_only.primary() is not None:
        wanted = on_demand.content_of(served.row, is_metadata=served.is_metadata)
        if wanted is not None and on_demand.is_listed(wanted):  # else the upstream may have it
            return _of_primary(question, served, note)
    if reply is None and served.is_metadata:
        fresh = partial(_fresh, question, served)
        return mirror_files.AwaitedSmall(answering.fetch(served.row, served.member.name, fresh))
    if reply is None and (later := mirror_files.fetched(question, served, _headers(served, ""), note)) is not None:
        return later
    if reply is None:
        reply = _fresh(question, served)
    mirror_files.used(served)
    note(reply)
    return reply


def _fresh(question: Question, served: ServedFile) -> Reply:
    """What was fetched a moment ago."""
    if not files.look_again(served):
        raise Unavailable(
            "It was fetched and is gone again; ask once more.", retry_after=1, code="upstream-unavailable"
        )
    if served.is_damaged:
        raise refusals.damaged()
    return _answer(question, served)


def _note(question: Question, actor: Actor, index_name: str, project: str, path: str, reply: Reply) -> None:
    if not settings.TPI_DOWNLOAD_LOG or reply.status not in _SENT or question.is_head or path.endswith(".metadata"):
        return
    context = request_context.current.get()
    downloads.note(
        actor=actor,
        index=index_name,
        project=project,
        filename=path.rpartition("/")[2],
        status=reply.status,
        address=context.address,
        request_id=context.request_id,
    )


def _headers(served: ServedFile, etag: str) -> list[tuple[str, str]]:
    """What is said of every file; no tag where its digest is not known."""
    headers = [
        ("Cache-Control", file_cache_control(credentials_needed=not served.member.anonymous_read)),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Accept-Ranges", "bytes"),
    ]
    if etag:
        headers.append(("ETag", etag))
    if not served.member.anonymous_read:
        headers.append(("Vary", "Authorization"))
    return headers


def _answer(question: Question, served: ServedFile) -> Reply:
    etag = f'"{served.sha256}"'
    headers = _headers(served, etag)
    if if_none_match(question.if_none_match, etag):
        return Reply(304, headers)
    if settings.TPI_ACCEL_LOCATION and not served.bytes_at.sealed_key and _lies_plain(served):
        return _hand_over(served, headers)
    try:
        spans = _spans(question, served, etag)
    except UnsatisfiableRange as error:
        return unsatisfiable(question, error)
    if spans is None:
        return _whole(question, served, headers)
    return _part(question, served, headers, spans)


def _spans(question: Question, served: ServedFile, etag: str) -> list[Span] | None:
    if not question.byte_range or not byte_ranges.if_range(question.if_range, etag):
        return None
    return byte_ranges.parse_range(question.byte_range, served.size)


def _lies_plain(served: ServedFile) -> bool:
    """Whether there still is what nginx would send; else it was sealed meanwhile."""
    path = default_storage().plain_path(served.bytes_at)
    return path is None or path.exists() or not files.has_moved(served) or not served.bytes_at.sealed_key


def _hand_over(served: ServedFile, headers: list[tuple[str, str]]) -> Reply:
    """Let nginx send the bytes, ranges included, from where the storage keeps them."""
    location = f"{settings.TPI_ACCEL_LOCATION.rstrip('/')}/{quote(served.bytes_at.object_name)}"
    return Reply(200, [("Content-Type", _TYPE), ("X-Accel-Redirect", location), *headers], b"")


def _whole(question: Question, served: ServedFile, headers: list[tuple[str, str]]) -> Reply:
    headers += [("Content-Type", _TYPE), ("Content-Length", str(served.size))]
    return Reply(200, headers, b"" if question.is_head else _body(served, Span(0, served.size)))


def _part(question: Question, served: ServedFile, headers: list[tuple[str, str]], spans: list[Span]) -> Reply:
    if len(spans) == 1:
        span = spans[0]
        headers += [
            ("Content-Type", _TYPE),
            ("Content-Length", str(span.length)),
            ("Content-Range", byte_ranges.content_range(span, served.size)),
        ]
        return Reply(206, headers, b"" if question.is_head else _body(served, span))
    frame = byte_ranges.multipart_byteranges(spans, secrets.token_hex(16), _TYPE, served.size)
    headers += [("Content-Type", frame.content_type), ("Content-Length", str(frame.content_length))]
    if question.is_head:
        return Reply(206, headers, b"")
    framed = _framed(served, frame)
    return Reply(206, headers, b"".join(framed) if served.is_metadata else framed)


def _body(served: ServedFile, span: Span) -> bytes | LocalFile | Iterator[bytes]:
    try:
        if span.length <= _SMALL or served.is_metadata:  # some MiB at most
            return b"".join(_pieces(served, span))
        path = default_storage().plain_path(served.bytes_at)
        if path is not None and path.exists():
            return LocalFile(path, span.start, span.length)
        return _watched(served, span)
    except FileNotFoundError:
        suspicions.note(served.sha256)
        raise Unavailable(
            "The bytes of this file are missing from the storage; the operators must restore them.", code="blob-missing"
        ) from None
    except KeyMissing:
        log.exception("This node's key ring (TPI_KEYRING) lacks a key; give it the ring of the other nodes.")
        raise refusals.key_missing() from None
    except BlobDamaged:
        log.exception("The bytes of %s were refused: they are not what was uploaded.", served.sha256)
        suspicions.note(served.sha256)
        raise refusals.damaged() from None
    except StorageUnavailable:
        raise refusals.away() from None


def _pieces(served: ServedFile, span: Span) -> Iterator[bytes]:
    """The bytes from where they lie now; what this process remembers of the place may be older."""
    try:
        return default_storage().read(served.bytes_at, span.start, span.length)
    except (FileNotFoundError, BlobDamaged):
        if not files.has_moved(served):
            raise
    return default_storage().read(served.bytes_at, span.start, span.length)


def _framed(served: ServedFile, frame: MultipartByteranges) -> Iterator[bytes]:
    for head, span in frame.parts:
        yield head
        yield from suspicions.watching(_pieces(served, span), served.sha256)
    yield frame.closing
