"""What an account leaves behind: teams, service accounts, tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import Membership, Token, User
from accounts.services import left_behind
from accounts.services.left_behind import LeftBehind
from tests.factories.people import make_team, make_token, make_user

pytestmark = pytest.mark.django_db


def _found(user: User) -> list[tuple[str, str]]:
    return [(thing.kind, thing.name) for thing in left_behind.identity(user)]


def test_nothing() -> None:
    ann = make_user("ann")
    make_team("mine", ann)
    assert left_behind.report(ann) == []


def test_a_team_counts_where_no_other_admin_can_sign_in() -> None:
    ann, ben = make_user("ann"), make_user("ben")
    make_team("alone", ben, admins=[ann])
    make_team("shared", admins=[ann, ben])
    make_team("only-a-member", ann, admins=[ben])
    assert _found(ann) == [("team", "alone")]
    User.objects.filter(username="ben").update(is_active=False)
    assert _found(ann) == [("team", "alone"), ("team", "shared")]


def test_service_accounts_go_with_their_team() -> None:
    ann = make_user("ann")
    team = make_team("alone", admins=[ann])
    User.objects.create(username="alone-bot", kind=User.Kind.SERVICE, service_team=team)
    shared = make_team("shared", admins=[ann, make_user()])
    User.objects.create(username="shared-bot", kind=User.Kind.SERVICE, service_team=shared)
    assert _found(ann) == [("team", "alone"), ("service-account", "alone-bot")]
    Membership.objects.filter(team=team).update(role="member")
    assert _found(ann) == []


def test_tokens_tell_how_they_ended() -> None:
    ann, now = make_user("ann"), timezone.now()
    for name in ("live", "revoked", "ran-out-long-before"):
        make_token(ann, [Verb.READ], name=name)
    Token.objects.filter(name="live").update(last_used_at=now)
    Token.objects.filter(name="revoked").update(revoked_at=now)
    Token.objects.filter(name="ran-out-long-before").update(expires_at=now - timedelta(days=9), revoked_at=now)
    told = {thing.name: thing.sentence for thing in left_behind.identity(ann)}
    assert set(told) == {"live", "revoked"}
    assert told["revoked"].startswith(f"Revoked {now:%Y-%m-%d}, never used")
    assert told["live"].startswith("Valid until ")
    assert f", last used {now:%Y-%m-%d}" in told["live"]


def test_it_costs_the_same_for_few_and_for_many(django_assert_max_num_queries: object) -> None:
    ann = make_user("ann")
    for number in range(20):
        team = make_team(f"team-{number:02}", admins=[ann])
        User.objects.create(username=f"bot-{number}", kind=User.Kind.SERVICE, service_team=team)
        make_token(ann, [Verb.READ], name=f"token-{number:02}")
    with django_assert_max_num_queries(3):  # type: ignore[operator]  # a fixture that is a function
        assert len(left_behind.identity(ann)) == 60


def test_a_second_registration_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_listers", [])

    def lister(user: User) -> list[LeftBehind]:
        return [LeftBehind("thing", user.username, "Is there.")]

    left_behind.register(lister)
    left_behind.register(lister)
    assert left_behind.report(make_user("ann")) == [LeftBehind("thing", "ann", "Is there.")]
