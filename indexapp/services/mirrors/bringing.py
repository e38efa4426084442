"""Bringing the bytes of mirrors' files into the store from a job, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from django.db import connections

from indexapp.models import File
from indexapp.services.mirrors import files
from indexapp.services.policies import learning
from indexapp.services.serving import files as serving
from indexapp.services.serving import watermarks
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit.errors import NotFound, Unavailable

Work = TypeVar("Work")
PARALLEL = 4
"""Downloads at once: an upstream is somebody else's machine."""
_LOOK_UP = 1.0  # seconds


def bring(through: ServedIndex, file_id: int) -> int:
    """Have the file's bytes, and the metadata beside it, in the store; the bytes that had to be fetched.

    ``through`` is the mirror, or the group in whose name it is done.  Raises a :class:`tpi_site.kit.errors.Refusal` where the
    policy or the upstream does not let it through; the policy is asked before any upstream.
    """
    before = _row(file_id)
    member = next(member for member in through.members if member.pk == before.index_id)
    watermark = watermarks.read()
    ruling = serving.ruling_of(through, member, before, watermark)
    if learning.learn(serving.wants_of(through, member, before, ruling, watermark)):
        before = _row(file_id)
        ruling = serving.ruling_of(through, member, before, watermarks.read())
    ruling.require()
    files.fetch(file_id)
    row = _row(file_id)
    if row.blob_id is None:
        raise Unavailable("Another process has just fetched it, and stores it; look again.", retry_after=1)
    if row.metadata_blob_id is None and row.mirrored.metadata_digests is not None:
        files.fetch_metadata(file_id)  # a resolver asks for it before it asks for the file
    return row.size if before.blob_id is None else 0


def foresee(through: ServedIndex, file: File) -> tuple[str, str]:
    """What :func:`bring` would do now, in a word, and why: ``here``, ``fetch``, ``refused`` or ``undecided``.

    ``file`` was read with its project, its release and what is beside it.  Nothing is asked of an upstream, so that a rule
    about metadata that are not here leaves it undecided.
    """
    member = next(member for member in through.members if member.pk == file.index_id)
    watermark = watermarks.read()
    ruling = serving.ruling_of(through, member, file, watermark)
    if serving.wants_of(through, member, file, ruling, watermark):
        rule = f"the policy rule '{ruling.rule.name}'" if ruling.rule else "the policy"
        return "undecided", f"What {rule} asks about is not here yet; it would be fetched first."
    if ruling.refusal:
        return "refused", ruling.refusal
    return ("here" if file.blob_id else "fetch"), ""


def _row(file_id: int) -> File:
    found = File.objects.select_related("project", "release", "mirrored").filter(pk=file_id).first()
    if found is None:
        raise NotFound("It was deleted in the meantime.")
    return found


def side_by_side(
    more: Callable[[int], Iterable[Work]], do: Callable[[Work], None], *, goes_on: Callable[[], bool]
) -> None:
    """``do`` each piece of work, :data:`PARALLEL` at once, until there is none; what ``do`` raises is raised here.

    ``more(number)`` gives at most so many pieces that it has not given before.  ``goes_on`` is asked about once a second, and
    once it has said no, nothing more is begun; what is under way is ended.
    """
    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="bring") as pool:
        is_open = True
        while True:
            is_open = goes_on() and is_open
            if is_open and len(under_way) < PARALLEL:
                under_way |= {pool.submit(_alone, do, piece) for piece in more(PARALLEL - len(under_way))}
            if not under_way:
                return
            ended, under_way = wait(under_way, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
            for each in ended:
                each.result()


def _alone(do: Callable[[Work], None], piece: Work) -> None:
    """In a thread of the pool, which has connections of its own and takes none along."""
    try:
        do(piece)
    finally:
        connections.close_all()
