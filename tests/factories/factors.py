"""Second factors, and the codes that an authenticator app would show."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone

from accounts.domain import one_time_codes
from accounts.models import Authenticator, User
from accounts.services.one_time_codes import purpose
from tpi_site.kit import sealing

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def with_factor(user: User, secret: str = SECRET) -> Authenticator:
    """An authenticator in use."""
    sealed = sealing.seal(secret, purpose(user))
    return Authenticator.objects.create(user=user, secret=sealed, confirmed_at=timezone.now())


def begun(user: User, secret: str = SECRET) -> Authenticator:
    """One that is being set up."""
    return Authenticator.objects.create(user=user, secret=sealing.seal(secret, purpose(user)))


def code(secret: str = SECRET, steps: int = 0) -> str:
    """What the app shows now, or so many steps later."""
    return one_time_codes.code_at(secret, int(time.time()) // one_time_codes.STEP + steps)


def code_of(user: User, secret: str = SECRET) -> dict[str, Any]:
    """The number of what is being set up, and its present code."""
    return {"number": Authenticator.objects.get(user=user, confirmed_at=None).pk, "code": code(secret)}
