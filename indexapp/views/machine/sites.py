"""A file that a mirror site gives: passed on and proved on the way, or as an address to which the client is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from django.conf import settings

from indexapp.domain import signed_links
from indexapp.domain.byte_ranges import Span
from indexapp.domain.file_paths import file_path
from indexapp.services.serving.files import ServedFile
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from indexapp.services.sites import choosing, notes, passing
from indexapp.services.sites.choosing import Chosen, Reader
from indexapp.services.sites.notes import Wish
from indexapp.views.machine.messages import Question, Reply
from tpi_site.kit import request_context

_TYPE = "application/octet-stream"
Own = Callable[[ServedFile, Span], Iterator[bytes]]


def reply(
    question: Question,
    served: ServedFile,
    watermark: Watermark,
    *,
    index: ServedIndex,
    path: str,
    headers: list[tuple[str, str]],
    own: Own,
) -> Reply | None:
    """The answer by a site; None where the index answers itself: for parts, validators and the metadata it always does."""
    is_plain = not (question.is_head or question.byte_range or question.if_none_match)
    if not watermark.sites or not is_plain or served.stored is None:
        return None
    where = file_path(served.sha256, path.rpartition("/")[2])
    context = request_context.current.get()
    chosen = choosing.choose(Reader(index, served, where, context.address, question.origin), watermark)
    if chosen is None:
        return None
    if not chosen.redirects:
        size = served.size
        body = passing.pieces(chosen, served.sha256, size, lambda start: own(served, Span(start, size)))
        return Reply(200, [*headers, ("Content-Type", _TYPE), ("Content-Length", str(size))], body)
    if not notes.sent(context.address, context.client, Wish(chosen.site.pk, served.sha256, index.pk, where)):
        return None
    return _redirect(chosen, served) if passing.is_answering(chosen, served.sha256) else None


def is_sent_here(question: Question) -> bool:
    """Whether this installation is a mirror site, and another one has signed the address for some minutes."""
    keys = tuple(settings.TPI_SITE_KEYS)
    if not keys or not question.query:
        return False
    return signed_links.is_good(f"{settings.FORCE_SCRIPT_NAME or ''}{question.path}", question.query, keys, time.time())


def _redirect(chosen: Chosen, served: ServedFile) -> Reply:
    """Nobody keeps it: the next one may be sent elsewhere, and a signed address is good for minutes only."""
    notes.given(chosen.site.pk, served.size)
    headers = [("Location", chosen.url), ("Cache-Control", "no-store"), ("Content-Length", "0")]
    return Reply(302, headers, b"", "Found")
