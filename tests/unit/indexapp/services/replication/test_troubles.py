"""Troubles of a follower that end neither it nor its primary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.services import shared_secrets
from indexapp.clients.primary import PrimaryFailed
from indexapp.models import Following, Index, WantedBlob
from indexapp.services.replication import following, together
from indexapp.services.replication.following import Round
from tests.factories.replication import make_following
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_credential_that_does_not_open_is_told(main: Index) -> None:
    make_following("http://127.0.0.1:9/")
    Following.objects.update(secret="broken")
    assert following.follow_once() is Round.FAILED
    row = Following.objects.get()
    assert row.failing_since
    assert row.failure


class _Busy:
    """A primary that gives no contents now."""

    def __init__(self, status: int) -> None:
        self._status = status

    def contents(self, _digests: list[str]) -> Iterator[Any]:
        raise PrimaryFailed("It says no.", "bad-answer", self._status)
        yield


@pytest.mark.parametrize(("status", "alone"), [(429, 0), (502, 0), (503, 0), (404, 8), (405, 8)])
def test_who_is_busy_is_not_asked_for_each_by_itself(main: Index, status: int, alone: int) -> None:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(8)]
    wanted = [WantedBlob(sha256=digest, size=5, next_at=timezone.now()) for digest in digests]
    came = together.fetch(_Busy(status), wanted, lambda _size: None)  # type: ignore[arg-type]
    assert len(came.alone) == alone
    assert (came.failure is None) == bool(alone)


def test_a_replica_that_was_started_with_another_pepper_accepts_its_primarys(main: Index, settings: Any) -> None:
    shared_secrets.agree()
    make_following("http://127.0.0.1:9/")
    read_only.look()
    settings.TPI_TOKEN_PEPPER = "the pepper of the primary, of forty characters"
    with pytest.raises(Conflict):
        shared_secrets.require_same()
    call_command("accept_secret", "TPI_TOKEN_PEPPER")
    shared_secrets.require_same()
