from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import Token, TokenKind
from accounts.models.tokens import ended_by, outliving_policy, usable
from accounts.services import tokens
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_token

pytestmark = [pytest.mark.database, pytest.mark.django_db]
DAY = timedelta(days=1)


def _days(token: Token) -> float | None:
    return None if token.expires_at is None else round((token.expires_at - token.created_at) / DAY, 3)


@pytest.mark.parametrize(("most", "days"), [(365, 90), (90, 90), (30, 30), (0, None)])
def test_without_a_wish_a_token_ends_as_usual_or_as_policy_says(
    cast: Cast, settings: Any, most: int, days: int | None
) -> None:
    settings.TPI_TOKEN_MAX_DAYS = most
    assert _days(make_token(cast.reader)[0]) == days


def test_a_wish_within_policy_is_met_and_one_beyond_gets_what_there_is(cast: Cast, settings: Any) -> None:
    settings.TPI_TOKEN_MAX_DAYS = 30
    now = timezone.now()
    assert _days(make_token(cast.reader, expires_at=now + 29 * DAY)[0]) == 29
    for wish in (30.5, 32, 3000):
        assert _days(make_token(cast.reader, expires_at=now + wish * DAY)[0]) == 30
    settings.TPI_TOKEN_MAX_DAYS = 0
    assert _days(make_token(cast.reader, expires_at=now + 3000 * DAY)[0]) == 3000


def test_service_accounts_have_a_policy_of_their_own(cast: Cast, settings: Any) -> None:
    settings.TPI_TOKEN_MAX_DAYS, settings.TPI_SERVICE_TOKEN_MAX_DAYS = 7, 500
    robot = make_service_account(cast.team)
    assert _days(make_token(robot, expires_at=timezone.now() + 400 * DAY)[0]) == 400
    settings.TPI_SERVICE_TOKEN_MAX_DAYS = 14
    assert _days(make_token(robot)[0]) == 14


def test_a_stricter_policy_ends_what_was_made_before(cast: Cast, settings: Any) -> None:
    row, text = make_token(cast.reader)
    Token.objects.filter(pk=row.pk).update(created_at=timezone.now() - 40 * DAY, expires_at=None)
    assert tokens.recognise(text) is not None
    settings.TPI_TOKEN_MAX_DAYS = 40
    assert tokens.recognise(text) is None
    settings.TPI_TOKEN_MAX_DAYS = 41
    actor = tokens.recognise(text)
    row.refresh_from_db()
    assert actor is not None
    assert actor.token is not None
    assert actor.token.expires_at == row.ends_at == row.created_at + 41 * DAY


def test_the_conditions_of_queries_say_what_rows_say(cast: Cast, settings: Any) -> None:
    robot = make_service_account(cast.team)
    now = timezone.now()
    for owner in (cast.reader, robot):
        for age in (1, 20, 50):
            for end in (None, -1, 5, 100):
                row, _ = make_token(owner)
                expires = None if end is None else now + end * DAY
                Token.objects.filter(pk=row.pk).update(created_at=now - age * DAY, expires_at=expires)
    tokens.issue(actor=SYSTEM, owner=cast.reader, name="short", verbs=[Verb.READ], lifetime=timedelta(minutes=5))
    for most, most_of_services in ((0, 0), (30, 0), (0, 30), (60, 40)):
        settings.TPI_TOKEN_MAX_DAYS, settings.TPI_SERVICE_TOKEN_MAX_DAYS = most, most_of_services
        rows = list(Token.objects.all())
        good = {row.pk for row in rows if row.is_usable}
        assert set(Token.objects.filter(usable(timezone.now())).values_list("pk", flat=True)) == good
        soon = {row.pk for row in rows if row.ends_at is not None and row.ends_at <= now + 10 * DAY}
        assert set(Token.objects.filter(ended_by(now + 10 * DAY)).values_list("pk", flat=True)) == soon
        longer = {row.pk for row in rows if row.ends_at != row.expires_at}
        assert set(Token.objects.filter(outliving_policy()).values_list("pk", flat=True)) == longer


@pytest.mark.parametrize("seconds", [0, 59, 3601, -1])
def test_a_short_lived_token_lives_from_a_minute_to_an_hour(cast: Cast, seconds: int) -> None:
    with refused("token-lifetime"):
        tokens.issue(
            actor=SYSTEM, owner=cast.reader, name="job", verbs=[Verb.READ], lifetime=timedelta(seconds=seconds)
        )


def test_a_short_lived_token_is_told_apart_and_so_is_what_it_makes(cast: Cast) -> None:
    row, text = tokens.issue(
        actor=SYSTEM, owner=cast.reader, name="job", verbs=[Verb.READ], lifetime=timedelta(minutes=15)
    )
    actor = tokens.recognise(text)
    assert actor is not None
    child, _ = tokens.issue(actor=actor, owner=cast.reader, name="step", verbs=[Verb.READ])
    assert {row.kind, child.kind} == {TokenKind.SHORT}
    assert child.expires_at == row.expires_at
