"""Entries of which nobody can be made: the sync tells them, goes on, and takes nothing from the people whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accounts.clients import ldap_entries
from accounts.domain.directory_entries import DirectoryEntry, UnreadableEntry
from accounts.models import Directory, Team, Token, User
from accounts.services.directories import sync
from tests.factories.people import SYSTEM, make_token
from tests.unit.accounts.services.directories.syncing import people_in, run

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]
Sent = Callable[[Callable[[DirectoryEntry], list[Any]]], None]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Let the server send other entries than it has."""
    real = ldap_entries.people

    def arrange(change: Callable[[DirectoryEntry], list[Any]]) -> None:
        def people(*given: Any) -> Iterator[list[Any]]:
            for page in real(*given):
                yield [one for entry in page if isinstance(entry, DirectoryEntry) for one in change(entry)]

        monkeypatch.setattr(ldap_entries, "people", people)

    return arrange


def test_who_has_no_name_any_more_is_told_and_keeps_everything(slapd: Slapd, corp: Directory, tools: Team) -> None:
    Directory.objects.filter(pk=corp.pk).update(name_attribute="mail")
    run(corp)
    alice = User.objects.get(username__startswith="alice")
    token, _ = make_token(alice)
    slapd.set_attribute(slapd.person_dn("alice"), "mail")
    slapd.set_members("team-a", [])
    line = {"person": alice.username, "did": ["passed over: the entry has no name"]}

    corp.refresh_from_db()
    planned, done = sync.plan(actor=SYSTEM, directory=corp), run(corp)

    for told in (planned, done):
        assert (told.state, told.removed, told.memberships_removed) == ("done", 0, 0)
        assert line in told.differences
        assert told.sentence.endswith("Passed over: 1, whose entries cannot be read.")
    alice.refresh_from_db()
    assert alice.is_active
    assert Token.objects.get(pk=token.pk).revoked_at is None
    assert alice.username in people_in(tools)


def test_who_has_no_lasting_key_any_more_is_known_by_the_dn(corp: Directory, tools: Team, sent: Sent) -> None:
    run(corp)
    sent(lambda one: [UnreadableEntry(one.dn, "has no lasting key that can be kept", username=one.username)])
    done = run(corp)
    assert (done.state, done.found, done.removed, people_in(tools)) == ("done", 0, 0, {"alice", "bob"})
    assert {
        "person": "alice",
        "did": ["passed over: the entry has no lasting key that can be kept"],
    } in done.differences
    sent(lambda one: [])
    assert run(corp).removed == 2


def test_two_entries_with_one_lasting_key_stop_nothing(corp: Directory, tools: Team, sent: Sent) -> None:
    def doubled(one: DirectoryEntry) -> list[DirectoryEntry]:
        return [one, replace(one, dn=f"cn=again,{one.dn}", username="again")] if one.username == "alice" else [one]

    sent(doubled)
    done = run(corp)
    assert (done.state, people_in(tools)) == ("done", {"alice", "bob"})
    assert {
        "person": "alice",
        "did": ["passed over: the entry has the lasting key of another entry"],
    } in done.differences


def test_an_entry_without_a_name_that_is_nobodys_is_no_line(corp: Directory, sent: Sent) -> None:
    sent(lambda one: [one, UnreadableEntry(f"cn=contact,{one.dn}", "has no name", f"contact of {one.key}")])
    done = run(corp)
    assert (done.state, done.added, "passed over" in str(done.differences)) == ("done", 2, False)
