"""Whether a promotion would succeed now: what it asks for and what it needs afterwards, looked at one by one.

Nothing is changed.  That a promotion itself comes off is shown by promoting; this shows beforehand what would stand in its way.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from accounts.services import audit_keys, audit_verification
from accounts.services.keys import installation
from indexapp.clients import takeovers as client
from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication import takeovers as proofs
from indexapp.models import Blob, Following
from indexapp.services import disk_room
from indexapp.services.replication import contact as attended
from indexapp.services.replication import epochs, following, joining, promoting, takeovers
from indexapp.storage import BlobDamaged, default_storage
from tpi_site.kit.errors import Conflict, Refusal
from tpi_site.kit.outbound import Code, OutboundFailed

_READ = 3
_MOST = 64 * 2**20
"""How many contents are read, the newest that have no more bytes than this."""
Found = tuple["State", str]


class State(StrEnum):
    """``warning``: a promotion comes off, and something would be lost or is not known."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and a sentence on it."""

    name: str
    state: State
    sentence: str


def look() -> Iterator[Check]:
    """Each check as soon as it is made; refuses a site that is no replica."""
    row = Following.objects.first()
    if row is None:
        raise Conflict("This installation is no replica.", code="replica-not")
    for name, check in _CHECKS.items():
        try:
            state, sentence = check(row)
        except Refusal as refusal:
            state, sentence = State.FAILING, refusal.detail
        except OSError as error:
            state, sentence = State.FAILING, f"What is stored cannot be looked at: {os.strerror(error.errno or 0)}."
        yield Check(name, state, sentence)


def _right(row: Following) -> Found:
    promoting.require_appointed(row)
    return State.OK, f"The primary said that this replica may take over, at {row.own_url}."


def _following(row: Following) -> Found:
    contact = f"last contact {row.contact_at.isoformat(timespec='seconds')}" if row.contact_at else "never any contact"
    if row.is_paused:
        return (
            State.FAILING,
            f"The replica is paused, {contact}; resume it, or a primary that answers is not taken over.",
        )
    if trouble := attended.trouble(row):
        return State.FAILING, trouble
    if row.failure:
        return State.WARNING, f"The primary cannot be followed, {contact}: {row.failure}"
    behind = max(0, row.primary_serial - row.cursor)
    state = State.WARNING if behind else State.OK
    return state, f"Serial {row.cursor}, {behind} behind what the primary told, {contact}."


def _bytes(_row: Following) -> Found:
    if number := promoting.count_missing():
        return (
            State.FAILING,
            f"The bytes of {number} files are not here or not right; 'promote --dry-run --list FILE' names them.",
        )
    return State.OK, "The bytes of all files are here."


def _likeness(row: Following) -> Found:
    """The pepper above all: with another one nobody's token would be known here."""
    if row.failure_code == attended.PEPPER:  # of the processes that serve, not of this one
        return State.FAILING, row.failure
    primary = following.primary_of(row)
    try:
        joining.require_fit(primary.hello(), primary.secret)
    except (PrimaryFailed, OutboundFailed) as error:
        return State.WARNING, f"The primary cannot be asked for its pepper, release and clock: {error}"
    except (KeyError, TypeError, ValueError):
        return State.WARNING, "The primary answers as none does; its pepper, release and clock are not known."
    return State.OK, "Pepper, release and clock are the primary's."


def _keys(row: Following) -> Found:
    following.primary_of(row)  # opens the credential with which the old primary is fenced
    if shortfall := installation.shortfall():
        return State.FAILING, shortfall
    blobs = list(Blob.objects.filter(damaged_at=None, size__lte=_MOST).order_by("-pk")[:_READ])
    for blob in blobs:
        if not _is_sound(blob):
            return State.FAILING, f"The bytes of {blob.sha256} are not what they were; run 'manage.py fsck'."
    return State.OK, f"The key ring opens the credential and the {len(blobs)} newest contents."


def _is_sound(blob: Blob) -> bool:
    digest = hashlib.sha256()
    try:
        for piece in default_storage().read(blob.place):
            digest.update(piece)
    except (BlobDamaged, FileNotFoundError):
        return False
    return digest.hexdigest() == blob.sha256


def _audit(_row: Following) -> Found:
    report = audit_verification.verify([audit_keys.public_key()])
    if not report.is_good:
        return State.FAILING, f"The audit log is not intact, see 'manage.py verify_audit': {report.faults[0].sentence}"
    return State.OK, f"The audit log is intact, {report.entries} entries."


def _disk(_row: Following) -> Found:
    with default_storage().spool() as spool:
        spool.file.write(b"probe")
    if shortage := disk_room.shortage():
        return State.FAILING, shortage
    free = min(disk.free for disk in disk_room.disks())
    return State.OK, f"There is room for uploads: {free // 2**20:,} MiB are free."


def _address(row: Following) -> Found:
    """Asked as the old primary asks when it starts; from here, so that it says nothing of the networks between."""
    digest, nonce = takeovers.own_digest(), secrets.token_hex(16)
    if not row.own_url or digest is None:
        return State.FAILING, "The primary named no address of this site ('manage.py replication appoint' there)."
    try:
        answer = client.ask(row.own_url, {"nonce": nonce, "proof": proofs.asking(digest, nonce)})
        is_this = hmac.compare_digest(str(answer["proof"]), proofs.answering(digest, nonce, answer["said"]))
        if not is_this or answer["said"]["site"] != str(epochs.site()):
            return State.FAILING, f"Another site than this one answers at {row.own_url}."
    except PrimaryFailed as error:
        if error.code == Code.TLS.value:  # the authorities of its own certificate are the primary's to know
            return State.WARNING, f"The certificate at {row.own_url} cannot be proved from here: {error}"
        return State.FAILING, f"This site does not answer at {row.own_url}: {error}"
    except (KeyError, TypeError, ValueError):
        return State.FAILING, f"What answers at {row.own_url} is not this site."
    return State.OK, f"This site answers at {row.own_url}."


_CHECKS: dict[str, Callable[[Following], Found]] = {
    "right": _right,
    "following": _following,
    "bytes": _bytes,
    "likeness": _likeness,
    "keys": _keys,
    "audit": _audit,
    "disk": _disk,
    "address": _address,
}
