"""A replica's file whose bytes are not here: the answer begins when the primary's does, and follows what comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from indexapp.domain import byte_ranges
from indexapp.domain.byte_ranges import UnsatisfiableRange
from indexapp.domain.etags import if_none_match
from indexapp.services.replication import on_demand
from indexapp.services.replication.on_demand import Content
from indexapp.views.machine.messages import Question, Reply
from indexapp.views.machine.mirror_files import Awaited
from indexapp.views.machine.ranges import unsatisfiable
from tpi_site.kit.errors import NotFound

_TYPE = "application/octet-stream"


def answer(
    question: Question, wanted: Content | None, headers: list[tuple[str, str]], note: Callable[[Reply], None]
) -> Awaited | Reply:
    """The content as it comes from the primary; ``note`` is told the reply.  What its digest tells needs no byte of it."""
    if wanted is None:
        raise NotFound("The index has no such file any more. Ask for the project's page again.")
    etag = f'"{wanted.sha256}"'
    headers = [*headers, ("ETag", etag)]
    if if_none_match(question.if_none_match, etag):
        return Reply(304, headers)
    asked = replace(question, if_range=None)
    if question.byte_range and not byte_ranges.if_range(question.if_range, etag):
        asked = replace(asked, byte_range="")
    if wanted.size is not None:
        try:
            spans = byte_ranges.parse_range(asked.byte_range, wanted.size) if asked.byte_range else None
        except UnsatisfiableRange as error:
            return unsatisfiable(question, error)
        if question.is_head and not spans:
            return Reply(200, [*headers, ("Content-Type", _TYPE), ("Content-Length", str(wanted.size))])
    return Awaited(asked, on_demand.follow(wanted), headers, note)
