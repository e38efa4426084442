from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import tasks
from accounts.domain.verbs import Verb
from accounts.models import Token
from accounts.services import token_upkeep, tokens
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token
from tpi_site.kit import gauges

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def _short(cast: Cast, ended_before: timedelta) -> Token:
    row, _ = tokens.issue(actor=SYSTEM, owner=cast.reader, name="job", verbs=[Verb.READ], lifetime=timedelta(minutes=5))
    Token.objects.filter(pk=row.pk).update(expires_at=timezone.now() - ended_before)
    return row


def test_short_lived_tokens_are_forgotten_a_day_after_their_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_upkeep, "_BATCH", 2)
    for _ in range(3):
        _short(cast, timedelta(hours=25))
    kept = _short(cast, timedelta(hours=23))
    old, _ = make_token(cast.reader)
    Token.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=400))
    found = evidence.collecting()

    tasks.purge_tokens()
    tasks.purge_tokens()

    assert set(Token.objects.values_list("pk", flat=True)) == {kept.pk, old.pk}
    assert [(entry.action, entry.detail["number"]) for entry in found.audit] == [("token.purge", 2), ("token.purge", 1)]


def test_metrics_count_what_needs_a_person(cast: Cast, settings: Any) -> None:
    for days in (3, 10, 30, 200):
        make_token(cast.reader, expires_at=timezone.now() + timedelta(days=days))
    _short(cast, timedelta(minutes=-5))
    assert _figures() == {"tpi_tokens_expiring": "2.0", "tpi_tokens_outliving_policy": "0.0"}
    settings.TPI_TOKEN_MAX_DAYS = 20
    assert _figures()["tpi_tokens_outliving_policy"] == "2.0"


def _figures() -> dict[str, str]:
    """What is told when somebody asks, from whichever process."""
    lines = gauges.text().decode().splitlines()
    return dict(line.split(" ") for line in lines if line.startswith("tpi_tokens_"))
