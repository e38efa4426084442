"""What the first start of an installation makes: an administrator, a default index and a token to begin with.

Each part is made when it is missing, so that every start may ask, and an interrupted first start is finished by the next:
the administrator is there only together with the token, and both only after their secrets are on the disk.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.domain.verbs import Verb
from accounts.models import User
from accounts.services import tokens, users
from indexapp.models import Fence, Following, Index
from indexapp.services import indexes
from tpi_site.kit.errors import Invalid, Refusal

DEFAULT_INDEX = "main"
_TOKEN_LIFE = timedelta(days=7)
_ACTOR = internal("first start")


@dataclass(frozen=True)
class FirstStart:
    """What was made just now; the secrets are None when they were made before or given."""

    index: Index
    password: str | None
    token: str | None


def run() -> FirstStart:
    """Make what is missing; refused with the settings' names when these make no administrator."""
    if (primary_of := Following.objects.first()) is not None:
        return FirstStart(_index_of_replica(primary_of), None, None)
    index = _index()
    if Fence.objects.filter(state=Fence.State.FENCED).exists():
        return FirstStart(index, None, None)
    with transaction.atomic():
        user, password = _administrator()
        token = _token(user, index) if user is not None else None
    return FirstStart(index, password, token)


def _index_of_replica(following: Following) -> Index:
    """What there is comes from the primary; nothing is made here."""
    return Index.objects.order_by("-is_default", "pk").first() or Index(name=DEFAULT_INDEX, title=str(following))


def _index() -> Index:
    found = Index.objects.filter(is_default=True).first()
    return found or indexes.create(actor=_ACTOR, name=DEFAULT_INDEX, title="Main index", is_default=True)


def _administrator() -> tuple[User | None, str | None]:
    """The administrator if it was made now, with the password if that was drawn now."""
    if User.objects.filter(is_superuser=True).exists():
        return None, None
    given = settings.TPI_ADMIN_PASSWORD
    password = given or secrets.token_urlsafe(18)
    if not given:
        keep_secret(settings.TPI_DATA_DIR / "initial-admin-password", password)
    try:
        user = users.create(actor=_ACTOR, username=settings.TPI_ADMIN_USER, password=password, is_superuser=True)
    except Refusal as refusal:
        sentence = f"TPI_ADMIN_USER and TPI_ADMIN_PASSWORD make no first administrator: {refusal.detail}"
        raise Invalid(sentence, code=refusal.code) from None
    return user, None if given else password


def _token(user: User, index: Index) -> str:
    _, text = tokens.issue(
        actor=_ACTOR,
        owner=user,
        name="first hour",
        verbs=[Verb.READ, Verb.UPLOAD],
        indexes=[index.name],
        expires_at=timezone.now() + _TOKEN_LIFE,
    )
    keep_secret(settings.TPI_DATA_DIR / "initial-token", text)
    return text


def keep_secret(path: Path, secret: str) -> None:
    """Write a secret for its owner's eyes only."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")
        file.flush()
        os.fsync(descriptor)
