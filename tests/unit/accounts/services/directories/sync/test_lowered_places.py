"""A lower place that a directory gives is something that it takes: counted before, told, and with its consequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Directory, Membership, Team, Token, User
from accounts.services import tokens
from accounts.services.directories import sync
from tests.factories.people import SYSTEM, make_service_account, make_token
from tests.unit.accounts.services.directories.signing_in import enter
from tests.unit.accounts.services.directories.syncing import run

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def corp(corp: Directory) -> Directory:
    """Alice and bob are maintainers of the tools by its groups."""
    corp.mappings.update(role="maintainer")
    run(corp)
    return corp


def lower(corp: Directory) -> None:
    corp.mappings.update(role="member")


def lent(team: Team, user: User) -> Token:
    """A token of a program, made with the person's own."""
    program = make_service_account(team)
    _, text = make_token(user)
    own = tokens.recognise(text)
    assert own is not None
    token, _ = tokens.issue(actor=own, owner=program, name="job", verbs=[Verb.READ])
    return token


def place(user: User) -> str:
    return Membership.objects.get(user=user).role


@pytest.mark.parametrize("way", ["sync", "sign-in"])
def test_it_is_taken_with_the_tokens_that_were_lent(slapd: Slapd, corp: Directory, tools: Team, way: str) -> None:
    bob = User.objects.get(username="bob")
    assert place(bob) == "maintainer"
    token = lent(tools, bob)
    lower(corp)
    if way == "sync":
        assert run(corp, accept_removals=True).memberships_removed >= 1
    else:
        enter("bob", slapd.password_of("bob"))
    assert place(bob) == "member"
    token.refresh_from_db()
    assert token.revoked_at is not None
    entries = AuditEntry.objects.filter(action="team.set-member").order_by("-pk")
    entry = next(entry for entry in entries if entry.detail["member"] == "bob")
    assert entry.detail["tokens_revoked"] == [token.key_id]


def test_a_plan_tells_it_and_changes_nothing(corp: Directory) -> None:
    bob = User.objects.get(username="bob")
    lower(corp)
    corp.refresh_from_db()
    planned = sync.plan(actor=SYSTEM, directory=corp)
    assert "member of tools, not maintainer" in str(planned.differences)
    assert place(bob) == "maintainer"


def test_many_of_them_pause_the_sync(slapd: Slapd, corp: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.services.directories.sync import removing

    monkeypatch.setattr(removing, "_FEW", 0)
    lower(corp)
    run(corp)
    corp.refresh_from_db()
    assert corp.paused_at is not None
    assert place(User.objects.get(username="bob")) == "maintainer"
