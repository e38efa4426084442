"""Taking in an archive of OSV records: the whole of them, which withdraws what it lacks, or a part.

Each batch is a transaction of its own, so that readers and uploads go on; who is killed leaves what is written, and the next
import finds the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import alarms, audit
from indexapp.domain.osv.record import OsvRecord, RecordInvalid, parse_record
from indexapp.models import Advisory, AdvisoryImport
from indexapp.services.vulnerabilities import archives, batches
from indexapp.services.vulnerabilities.archives import ArchiveInvalid, Member
from indexapp.services.vulnerabilities.batches import Counts
from indexapp.storage.telling import told
from tpi_site.kit import locking, read_only
from tpi_site.kit.errors import Refusal

LOCK = "vulnerabilities"
FAILED = "vulnerability-import-failed"
_AT_ONCE = 500  # records of a transaction
_BYTES_AT_ONCE = 8 * 1024 * 1024  # of records that are held in memory
_LOST_AT_MOST = 0.2
_MOST_NAMED = 20  # of the records that cannot be used
_LONGEST = 300  # characters of a name, or of a reason
_FEW = 50
"""So many may always be lost."""
_DIED = "Its process was killed, or its machine stopped; the next import goes on."
_State = AdvisoryImport.State


def import_archive(
    *, actor: Actor, path: Path, source: str = "", complete: bool = True, accept_losses: bool = False
) -> AdvisoryImport:
    """Take in the archive at ``path``; of two imports at once the second waits.  Raises Refusal, and rings for it.

    ``complete`` withdraws what the archive does not have.  Where that would be more than a fifth of what is known, it is
    refused unless ``accept_losses`` says that it is meant: an archive that was cut short would open what is closed.
    ``source`` is where it came from, if not from ``path``.
    """
    require_operator(actor, "import vulnerability data")
    read_only.require_off()
    with locking.alone(LOCK):
        AdvisoryImport.objects.filter(state=_State.RUNNING).update(
            state=_State.FAILED, finished_at=timezone.now(), sentence=_DIED
        )
        row = AdvisoryImport.objects.create(source=told(source or str(path))[:400], started_at=timezone.now())
        counts = Counts()
        try:
            _take_in(path, counts, complete=complete, accept_losses=accept_losses)
        except BaseException as error:
            _end(actor, row, counts, _State.FAILED, _sentence_of(error))
            raise
        _end(actor, row, counts, _State.DONE, _outcome(counts))
        return row


def _sentence_of(error: BaseException) -> str:
    return error.detail if isinstance(error, Refusal) else f"It broke off: {type(error).__name__}."


def _outcome(counts: Counts) -> str:
    return (
        f"{counts.records} records: {counts.added} new, {counts.changed} changed, {counts.withdrawn} withdrawn, "
        f"{counts.refused} that cannot be used."
    )


def _end(actor: Actor, row: AdvisoryImport, counts: Counts, state: AdvisoryImport.State, sentence: str) -> None:
    row.state, row.sentence, row.finished_at = state, sentence[:500], timezone.now()
    row.unusable = counts.unusable
    figures = {name: getattr(counts, name) for name in ("records", "added", "changed", "withdrawn", "refused")}
    for name, value in figures.items():
        setattr(row, name, value)
    with transaction.atomic():
        row.save(update_fields=["state", "sentence", "finished_at", "unusable", *figures])
        audit.record(
            actor=actor, action="vulnerabilities.import", subject=row, source=row.source, state=state, **figures
        )
    if state == _State.DONE:
        alarms.settle(FAILED)
    else:
        alarms.ring(FAILED, f"Vulnerability data from {row.source} could not be taken in. {sentence}")


def _take_in(path: Path, counts: Counts, *, complete: bool, accept_losses: bool) -> None:
    seen: set[str] = set()
    for members in _batches(archives.members(path)):
        batches.write(_parsed(members, seen, counts), counts)
    if not counts.ours:
        raise ArchiveInvalid("The archive has no advisory of PyPI that can be used; take the right file.")
    if complete:
        lost = batches.missing(seen)
        if not accept_losses:
            _require_few(lost)
        batches.withdraw(lost, counts)


def _batches(members: Iterator[Member]) -> Iterator[list[Member]]:
    batch: list[Member] = []
    size = 0
    for member in members:
        batch.append(member)
        size += len(member.body or b"")
        if len(batch) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parsed(members: list[Member], seen: set[str], counts: Counts) -> list[OsvRecord]:
    """The records; one that cannot be used keeps what was known by its name."""
    found = []
    for member in members:
        counts.records += 1
        try:
            record = parse_record(member.body or b"")
        except RecordInvalid as error:
            counts.refused += 1
            seen.add(member.name)
            if len(counts.unusable) < _MOST_NAMED:
                reason = error.detail if member.body is not None else "It is too large."
                counts.unusable.append({"name": _told(member.name), "reason": _told(reason)})
        else:
            seen.add(record.osv_id)
            counts.ours += bool(record.affected)
            found.append(record)
    return found


def _told(text: str) -> str:
    """What the archive says, as every database and terminal takes it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_LONGEST]


def _require_few(lost: Collection[int]) -> None:
    known = Advisory.objects.filter(withdrawn_at=None).count()
    if len(lost) > max(_FEW, known * _LOST_AT_MOST):
        raise ArchiveInvalid(
            f"The archive lacks {len(lost)} of {known} advisories that are known, which none of them says of itself; what "
            "is new in it was taken in, and nothing was withdrawn. If that is meant, import it with --accept-losses.",
            code="osv-archive-shrunk",
        )
