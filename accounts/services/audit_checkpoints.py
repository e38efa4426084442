"""Stating, signed, how long the audit chain is and where it ends.

A chain alone cannot show that its end was cut, nor that somebody computed all of it anew; a checkpoint that is kept
elsewhere can.  Each new one is therefore also written to the process's log, in a field of its own: in a sentence the head of
the chain would be struck out, as it has the form of a key.
"""

from __future__ import annotations

import logging

from django.db import transaction

from accounts.domain.checkpoints import Checkpoint, note
from accounts.models import AuditCheckpoint
from accounts.services import audit_chain, audit_keys
from tpi_site.kit import locking

log = logging.getLogger(__name__)


def checkpoint() -> AuditCheckpoint | None:
    """Chain what waits and sign the chain's end, unless that was done already; None while nothing is recorded."""
    audit_chain.link_all()
    with transaction.atomic():
        locking.hold("audit-chain")
        size, head = audit_chain.head()
        known = AuditCheckpoint.objects.filter(size=size).first()
        if known is not None or not size:
            return known
        made = AuditCheckpoint.objects.create(size=size, note=_signed(size, head))
    log.info("The audit log has %d entries, and a checkpoint says so.", size, extra={"checkpoint": made.note})
    return made


def _signed(size: int, head: bytes) -> str:
    key = audit_keys.public_key()
    stated = Checkpoint(key.name, size, head)
    return note(stated, key, audit_keys.signing_key().sign(stated.text.encode()))
