"""After taking over: answering the old primary's question, and telling it until it knows."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.domain.token_format import parse_token, token_digest
from accounts.services import alarms, audit
from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.clients import takeovers as client
from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication import takeovers as proofs
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Following, Takeover
from indexapp.services.replication import epochs, following
from tpi_site.kit import sealing
from tpi_site.kit.errors import Forbidden, Unauthenticated, Unavailable

log = logging.getLogger(__name__)
ACTOR = internal("replication")
REFUSED = "fence-refused"
_FIRST, _LONGEST = 1.0, 30.0
"""Seconds until an old primary that could not be told is told again; twice as long after each further time."""
_NONCE = 8
_REFUSED = 403


def purpose(url: str) -> str:
    """What the credential is sealed for."""
    return f"takeover:{url}"


SEALED = SealedColumn("credentials for old primaries", Takeover, "secret", ("old_url",), purpose)
"""For rotations, backups and the counts of the console."""


def claim_of(row: Takeover) -> Claim:
    """What is told of it."""
    return Claim(epochs.site(), row.own_url, row.epoch, row.began_after)


def answer(said: Mapping[str, Any]) -> dict[str, Any]:
    """Whether this site took over from who asks; refuses who does not prove to hold the digest of this site's credential."""
    nonce, proof = str(said.get("nonce", "")), str(said.get("proof", ""))
    if not proof:
        raise Unauthenticated("The question comes with a nonce and a proof.")
    may_be_one = len(nonce) >= _NONCE and nonce.isascii() and proof.isascii()
    for digest, row in _digests() if may_be_one else ():
        if hmac.compare_digest(proof, proofs.asking(digest, nonce)):
            told: dict[str, Any] = {
                "site": str(epochs.site()),
                "former": str(row.old_site) if row else None,
                "claim": claim_of(row).as_json() if row else None,
            }
            return {"said": told, "proof": proofs.answering(digest, nonce, told)}
    raise Forbidden("This site holds no credential of the primary that asks.", code="replica-unknown")


def own_digest() -> str | None:
    """Of the credential with which this site follows; None where there is none, or it does not open."""
    return next((digest for digest, row in _digests() if row is None), None)


def _digests() -> Iterator[tuple[str, Takeover | None]]:
    """Of the credential with which this site follows; of those with which it did, only where it follows nobody."""
    if (followed := Following.objects.first()) is not None:
        yield from ((digest, None) for digest in _digest(followed.secret, following.purpose(followed.primary_url)))
    for row in Takeover.objects.all():
        yield from ((digest, None if followed else row) for digest in _digest(row.secret, purpose(row.old_url)))


def _digest(sealed: str, of: str) -> Iterator[str]:
    try:
        parts = parse_token(sealing.unseal(sealed, of))
    except Unavailable:
        return
    if parts is not None:
        yield token_digest(parts, settings.TPI_TOKEN_PEPPER)


def tell_due() -> None:
    """Tell each old primary that does not know yet, if it is time."""
    for row in Takeover.objects.filter(acknowledged_at=None, next_at__lte=timezone.now()):
        tell(row)


def tell(row: Takeover) -> bool:
    """Tell the old primary that it is none any more; whether it has acknowledged that."""
    try:
        secret = _secret_of(row)
        client.tell(
            row.old_url,
            secret,
            str(epochs.site()),
            claim_of(row).as_json(),
            ca_certificates=row.ca_certificates,
        )
    except PrimaryFailed as error:
        _put_off(row, error)
        return False
    with transaction.atomic():
        if Takeover.objects.filter(pk=row.pk, acknowledged_at=None).update(
            acknowledged_at=timezone.now(), failure="", attempts=row.attempts + 1
        ):
            audit.record(actor=ACTOR, action="replication.fence-told", object_type="takeover", object_name=row.old_url)
    alarms.settle(REFUSED, subject=row.old_url[:200])
    return True


def _secret_of(row: Takeover) -> str:
    """The credential; one that cannot be opened keeps nothing else from being told and asked."""
    try:
        return sealing.unseal(row.secret, purpose(row.old_url))
    except Unavailable as error:
        raise PrimaryFailed(error.detail, error.code, _REFUSED) from None


def _put_off(row: Takeover, error: PrimaryFailed) -> None:
    log.warning("The old primary %s is not fenced yet: %s (%s)", row.old_url, error, error.code)
    pause = min(_LONGEST, _FIRST * 2 ** min(row.attempts, 8))
    Takeover.objects.filter(pk=row.pk).update(
        attempts=row.attempts + 1,
        next_at=timezone.now() + timedelta(seconds=pause),
        failure=f"{error} ({error.code})"[:500],
    )
    if not error.may_pass:
        alarms.ring(
            REFUSED,
            f"The old primary {row.old_url} answers and will not be fenced: {error} See that it takes no changes.",
            subject=row.old_url[:200],
        )
