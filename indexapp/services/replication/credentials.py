"""The secrets of replicas: each opens the replication addresses of this site and nothing else."""

from __future__ import annotations

import hmac
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.token_format import make_token, parse_token, token_digest
from accounts.models.users import SLUG
from accounts.permissions import require_administrator
from accounts.services import audit, token_recognition
from indexapp.models import Replica
from indexapp.services.replication import epochs
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, Refusal, Unauthenticated

_DEED = "say which sites follow this one"
_NAME = 64


def invite(*, actor: Actor, name: str) -> tuple[Replica, str]:
    """Let a site follow this one; returns the row and the secret, which is shown once."""
    require_administrator(actor, _DEED)
    try:
        SLUG(name[: _NAME + 1])
    except ValidationError:
        raise _unnameable() from None
    if len(name) > _NAME:
        raise _unnameable()
    text, parts = make_token()
    digest = token_digest(parts, settings.TPI_TOKEN_PEPPER)
    try:
        with transaction.atomic():
            row = Replica.objects.create(name=name, key_id=parts.key_id, digest=digest, created_by=actor.display_name)
            audit.record(actor=actor, action="replica.invite", subject=row)
    except IntegrityError:
        raise Conflict(
            f"There is a replica named '{name}' already; take another name, or revoke it first.", code="name-taken"
        ) from None
    return row, text


def _unnameable() -> Invalid:
    return Invalid(f"Name the replica in at most {_NAME} lower-case letters, digits and hyphens.", code="name-invalid")


def revoke(*, actor: Actor, replica: Replica) -> None:
    """The site may not follow any more; its name is free again."""
    require_administrator(actor, _DEED)
    with transaction.atomic():
        audit.record(actor=actor, action="replica.revoke", subject=replica)
        replica.delete()


def recognise(text: str, site: str = "") -> Replica:
    """The replica whose secret it is; refuses none (401), a wrong one (403), and another site than came with it first (409)."""
    if not text:
        raise Unauthenticated("These addresses need the secret of a replica; 'manage.py replication invite' makes one.")
    parts = parse_token(text)
    row = Replica.objects.filter(key_id=parts.key_id).first() if parts else None
    if parts is None or row is None or row.revoked_at is not None:
        raise wrong(text)
    if not hmac.compare_digest(row.digest, token_digest(parts, settings.TPI_TOKEN_PEPPER)):
        raise wrong(text)
    if site or row.site is not None:
        _require_same_site(row, site)
    return row


def wrong(text: str) -> Forbidden:
    """The refusal of a secret; the audit log names whose token it is that was tried."""
    refusal = Forbidden("This is the secret of no replica of this installation.", code="replica-unknown")
    actor: Actor | None = None
    with suppress(Refusal):
        actor = token_recognition.recognise(text)
    return refusal if actor is None else refusal.of(actor)


def _require_same_site(row: Replica, text: str) -> None:
    try:
        site = UUID(text)
    except ValueError:
        raise Invalid("The site does not say who it is.", code="site-invalid") from None
    if site == epochs.site():
        raise Conflict(
            "The replica has the identity of its primary: it is a copy of it, or the same. Begin with an empty installation.",
            code="site-same",
        )
    if row.site == site:
        return
    try:
        with transaction.atomic():
            taken = Replica.objects.filter(pk=row.pk, site=None).update(site=site)
    except IntegrityError:
        taken = 0
    if not taken:
        raise Conflict(
            "Another site came with this secret first, or this site with another secret; each replica is invited by itself, "
            "and an installation that was copied is none.",
            code="site-taken",
        )


def note_state(
    row: Replica, *, serial: int, missing_blobs: int, missing_bytes: int, incomplete_for: float | None = None
) -> None:
    """What the replica tells of itself; ``incomplete_for`` is for how many seconds a content has been missing."""
    now = timezone.now()
    Replica.objects.filter(pk=row.pk).update(
        seen_at=now,
        serial=serial,
        missing_blobs=missing_blobs,
        missing_bytes=missing_bytes,
        incomplete_since=None if incomplete_for is None else now - timedelta(seconds=incomplete_for),
    )
