from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.verbs import Verb
from accounts.models import Membership, Token, User
from accounts.services import token_rotation, tokens
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_token
from tests.factories.requests import seen_from

pytestmark = [pytest.mark.database, pytest.mark.django_db]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SCOPE: dict[str, Any] = {"indexes": ["main"], "projects": ["acme"], "networks": ["192.0.2.0/24"], "name": "ci"}


def test_the_successor_has_the_same_scope_and_as_long_a_life(cast: Cast) -> None:
    old, text = make_token(cast.reader, [Verb.READ], expires_at=timezone.now() + 10 * DAY, **SCOPE)
    Token.objects.filter(pk=old.pk).update(created_at=timezone.now() - 8 * DAY, expires_at=timezone.now() + 2 * DAY)
    found = evidence.collecting()

    new, fresh = token_rotation.rotate(actor=cast.actor("reader"), token=old, overlap=HOUR)

    for column in ("user_id", "kind", "name", "verbs", "indexes", "projects", "networks", "parent_id"):
        assert getattr(new, column) == getattr(old, column), column
    assert new.expires_at is not None
    assert timedelta(0) <= timezone.now() + 10 * DAY - new.expires_at < timedelta(minutes=1)
    old.refresh_from_db()
    assert old.expires_at is not None
    assert timedelta(0) <= timezone.now() + HOUR - old.expires_at < timedelta(minutes=1)
    with seen_from("192.0.2.1"):
        assert tokens.recognise(text) is not None
        assert tokens.recognise(fresh) is not None
    [entry] = found.audit
    assert (entry.action, entry.detail["key_id"], entry.detail["successor"]) == ("token.rotate", old.key_id, new.key_id)
    assert fresh[16:56] not in str(vars(entry))


def test_without_overlap_the_old_one_ends_at_once(cast: Cast) -> None:
    old, text = make_token(cast.reader)
    token_rotation.rotate(actor=cast.actor("reader"), token=old, overlap=timedelta(0))
    assert tokens.recognise(text) is None


def test_the_old_one_never_lives_longer_for_it(cast: Cast) -> None:
    end = timezone.now() + HOUR
    old, _ = make_token(cast.reader, expires_at=end)
    token_rotation.rotate(actor=cast.actor("reader"), token=old, overlap=7 * DAY)
    old.refresh_from_db()
    assert old.expires_at == end


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_an_overlap_is_at_most_a_week(cast: Cast, overlap: timedelta) -> None:
    old, _ = make_token(cast.reader)
    actor = cast.actor("reader")
    with refused("token-overlap"):
        token_rotation.rotate(actor=actor, token=old, overlap=overlap)


def test_policy_bounds_the_successor(cast: Cast, settings: Any) -> None:
    old, _ = make_token(cast.reader, expires_at=timezone.now() + 300 * DAY)
    settings.TPI_TOKEN_MAX_DAYS = 20
    new, _ = token_rotation.rotate(actor=cast.actor("reader"), token=old)
    assert new.expires_at is not None
    assert new.expires_at - timezone.now() <= 20 * DAY


def test_a_token_rotates_itself_and_no_other(cast: Cast) -> None:
    old, text = make_token(cast.reader, [Verb.READ], indexes=["main"])
    other, _ = make_token(cast.reader)
    actor = tokens.recognise(text)
    assert actor is not None
    with refused("token-scope"):
        token_rotation.rotate(actor=actor, token=other)
    new, _ = token_rotation.rotate(actor=actor, token=old)
    assert (new.indexes, new.by_predecessor, new.replaces) == (["main"], True, old)


@pytest.mark.parametrize("spoil", ["expired", "revoked"])
def test_what_has_ended_has_no_successor(cast: Cast, spoil: str) -> None:
    old, _ = make_token(cast.reader)
    column = {"expired": "expires_at", "revoked": "revoked_at"}[spoil]
    Token.objects.filter(pk=old.pk).update(**{column: timezone.now()})
    actor = cast.actor("reader")
    with refused("token-ended"):
        token_rotation.rotate(actor=actor, token=old)


def test_a_token_has_one_successor_at_a_time(cast: Cast) -> None:
    old, _ = make_token(cast.reader)
    actor = cast.actor("reader")
    new, _ = token_rotation.rotate(actor=actor, token=old)
    with refused("token-rotated"):
        token_rotation.rotate(actor=actor, token=old)
    tokens.revoke(actor=actor, token=new)
    assert token_rotation.rotate(actor=actor, token=old)[0].replaces == old


def test_a_short_lived_token_is_minted_anew_instead(cast: Cast) -> None:
    old, _ = tokens.issue(actor=SYSTEM, owner=cast.reader, name="job", verbs=[Verb.READ], lifetime=HOUR)
    actor = cast.actor("reader")
    with refused("token-short-lived"):
        token_rotation.rotate(actor=actor, token=old)


def test_nobody_gets_another_persons_token_by_rotating_it(cast: Cast) -> None:
    old, _ = make_token(cast.reader)
    for role in ("administrator", "team_admin", "outsider", "anonymous"):
        actor = cast.actor(role)
        with refused("token-owner"):
            token_rotation.rotate(actor=actor, token=old)


@pytest.mark.parametrize(("place", "may"), [("admin", True), ("maintainer", True), ("member", False)])
def test_who_looks_after_a_service_account_rotates_its_tokens(cast: Cast, place: str, may: bool) -> None:
    robot = make_service_account(cast.team)
    old, _ = make_token(robot)
    Membership.objects.filter(team=cast.team, user=cast.member).update(role=place)
    actor = cast.actor("member")
    if may:
        assert token_rotation.rotate(actor=actor, token=old)[0].user == robot
        return
    with refused("token-owner"):
        token_rotation.rotate(actor=actor, token=old)


def test_who_has_become_an_auditor_keeps_no_writing_token_alive(cast: Cast) -> None:
    old, _ = make_token(cast.reader, [Verb.READ, Verb.UPLOAD])
    User.objects.filter(pk=cast.reader.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    actor = cast.actor("reader")
    with refused("token-auditor"):
        token_rotation.rotate(actor=actor, token=old)
