"""Signing in with directory credentials, as the tests of it do."""

from __future__ import annotations

import pytest

from accounts.domain.actors import Actor
from accounts.models import VerifiedPassword
from accounts.services import passwords
from tpi_site.kit.errors import Forbidden, Throttled, Unauthenticated, Unavailable

HERE = "192.0.2.1"


def enter(name: str, password: str, address: str = HERE) -> Actor:
    return passwords.verify(username=name, password=password, address=address)


def refused(name: str, password: str, address: str = HERE) -> str:
    with pytest.raises((Unauthenticated, Throttled, Unavailable, Forbidden)) as caught:
        enter(name, password, address)
    return caught.value.code


def forget_pairs() -> None:
    """No password is known to be right any more."""
    VerifiedPassword.objects.all().delete()
