"""Whoever ends an account ends what was made with its tokens, for whomever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Directory, Token, User, VerifiedPassword
from accounts.services import passwords, token_rotation, tokens, users
from accounts.services.directories import departures
from tests.factories.cast import Cast
from tests.factories.directories import silent_directory
from tests.factories.people import PASSWORD, SYSTEM, actor_of, make_service_account, make_token

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def _end(user: User) -> None:
    directory = Directory.objects.first() or silent_directory()
    departures.end(actor=departures.acting(directory), user=user, reason="left")


ENDS: dict[str, Callable[[User], object]] = {
    "disabled": lambda user: users.change(actor=SYSTEM, user=user, is_active=False),
    "deleted": lambda user: users.delete(actor=SYSTEM, user=user),
    "gone from the directory": _end,
}


@pytest.mark.parametrize("way", ENDS)
def test_tokens_made_with_the_persons_end_and_those_of_the_team_go_on(cast: Cast, way: str) -> None:
    program = make_service_account(cast.team)
    _, text = make_token(cast.team_admin)
    actor = tokens.recognise(text)
    assert actor is not None
    child, of_child = tokens.issue(actor=actor, owner=program, name="job", verbs=[Verb.READ])
    actor_of_child = tokens.recognise(of_child)
    assert actor_of_child is not None
    _, of_grandchild = tokens.issue(actor=actor_of_child, owner=program, name="part", verbs=[Verb.READ])
    _, of_successor = token_rotation.rotate(actor=actor_of_child, token=child)
    _, by_hand = tokens.issue(actor=actor_of(cast.team_admin), owner=program, name="team's", verbs=[Verb.READ])
    passwords.verify(username="team_admin", password=PASSWORD, address="192.0.2.1")

    ENDS[way](cast.team_admin)

    assert [tokens.recognise(one) for one in (text, of_child, of_grandchild, of_successor)] == [None] * 4
    assert tokens.recognise(by_hand) is not None
    assert not VerifiedPassword.objects.exists()
    ended = AuditEntry.objects.filter(action__in=["user.change", "user.delete", "user.end"]).latest("pk")
    assert ended.detail["tokens_revoked"] == 4
    assert Token.objects.get(pk=child.pk).revoked_at is not None


def test_who_is_enabled_again_needs_new_tokens(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    users.change(actor=SYSTEM, user=cast.reader, is_active=False)
    users.change(actor=SYSTEM, user=cast.reader, is_active=True)
    assert tokens.recognise(text) is None
    assert tokens.recognise(make_token(cast.reader)[1]) is not None
