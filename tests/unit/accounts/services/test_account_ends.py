"""Whoever ends an account ends what was made with its tokens, for whomever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.domain.token_format import parse_token
from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Directory, Membership, Team, Token, User, VerifiedPassword
from accounts.services import passwords, teams, token_rotation, tokens, users
from accounts.services.directories import departures
from tests.factories.cast import Cast
from tests.factories.directories import silent_directory
from tests.factories.people import (
    PASSWORD,
    SYSTEM,
    actor_of,
    join,
    make_service_account,
    make_team,
    make_token,
    make_user,
)

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def key_id(text: str) -> str:
    parts = parse_token(text)
    assert parts is not None
    return parts.key_id


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
    assert ended.detail["number_of_tokens_revoked"] == 4
    assert ended.detail["tokens_revoked"] == [key_id(one) for one in (text, of_child, of_grandchild, of_successor)]
    assert Token.objects.get(pk=child.pk).revoked_at is not None


def test_who_is_enabled_again_needs_new_tokens(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    users.change(actor=SYSTEM, user=cast.reader, is_active=False)
    users.change(actor=SYSTEM, user=cast.reader, is_active=True)
    assert tokens.recognise(text) is None
    assert tokens.recognise(make_token(cast.reader)[1]) is not None


def _moved(person: User, team: Team) -> None:
    teams.change(actor=SYSTEM, team=team, parent=None)


def _moved_with_those_above(person: User, team: Team) -> None:
    assert team.parent is not None
    teams.change(actor=SYSTEM, team=team.parent, parent=None)


def _taken_out(person: User, team: Team) -> None:
    teams.remove_member(actor=SYSTEM, team=Team.objects.get(name="top"), user=person)


def _lowered(person: User, team: Team) -> None:
    teams.set_member(actor=SYSTEM, team=Team.objects.get(name="top"), user=person, role=Membership.Place.MEMBER)


def _demoted(person: User, team: Team) -> None:
    users.change(actor=SYSTEM, user=person, is_superuser=False)


@pytest.mark.parametrize("way", [_moved, _moved_with_those_above, _taken_out, _lowered, _demoted])
@pytest.mark.parametrize("place", [Membership.Place.MAINTAINER, Membership.Place.ADMIN])
def test_who_looks_after_a_program_no_more_loses_what_they_lent_it(
    cast: Cast, way: Callable[[User, Team], None], place: str
) -> None:
    person, is_chief = make_user("ann", is_superuser=way is _demoted), way is _demoted
    top = make_team("top")
    middle = make_team("middle", parent=top)
    team = make_team("programs", parent=middle)
    if not is_chief:
        join(person, top, role=place)
    keeper = make_user("keeper")
    join(keeper, team, role=place)
    program = make_service_account(team)
    lent, kept = (_lent(one, program) for one in (person, keeper))

    way(person, team)

    assert tokens.recognise(lent) is None
    assert tokens.recognise(kept) is not None
    assert AuditEntry.objects.latest("pk").detail["tokens_revoked"] == [key_id(lent)]


def _lent(person: User, program: User) -> str:
    """The text of a token that the person's token has made for the program."""
    actor = tokens.recognise(make_token(person)[1])
    assert actor is not None
    return tokens.issue(actor=actor, owner=program, name="job", verbs=[Verb.READ])[1]
