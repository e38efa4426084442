"""What else can be wrong with a directory than being down: it falls silent, its certificate ends, it has too much of something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Alarm, Membership, Team, Token, User, VerifiedPassword
from accounts.services import passwords, tokens
from accounts.services.directories import sign_in
from accounts.services.directories.sync import group_reading, reading
from tests import evidence
from tests.factories.directories import host, map_group, openldap
from tests.factories.people import make_token
from tests.unit.accounts.services.directories.syncing import run
from tpi_site.kit.errors import Unavailable

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def enter(slapd: Slapd, name: str) -> User:
    actor = passwords.verify(username=name, password=slapd.password_of(name), address="192.0.2.1")
    return User.objects.get(pk=actor.user_id)


def test_a_certificate_that_has_ended_stops_syncs_and_takes_nothing(slapd: Slapd, tools: Team) -> None:
    corp = openldap(slapd)
    map_group(corp, slapd.group_dn("devs"), tools)
    run(corp)
    token, text = make_token(User.objects.get(username="alice"))
    slapd.use_expired_certificate()

    failed = run(corp)

    assert (failed.state, failed.sentence.partition(":")[0]) == ("failed", "tls")
    assert "expired" in failed.sentence
    assert tools.memberships.count() == 2
    assert Token.objects.get(pk=token.pk).revoked_at is None
    assert tokens.recognise(text) is not None, "tokens go on for the time of grace"
    corp.refresh_from_db()
    assert corp.failing_since is not None
    assert Alarm.objects.filter(code="directory-away", subject="corp", ended_at=None).exists()
    with pytest.raises(Unavailable):
        enter(slapd, "alice")


@pytest.mark.parametrize("security", ["ldaps", "starttls"])
def test_a_directory_that_takes_connections_and_never_answers(slapd: Slapd, security: str) -> None:
    uri = slapd.uri_ldaps if security == "ldaps" else slapd.uri_ldap
    corp = openldap(slapd, hosts=host(uri), security=security, timeout=1)
    slapd.pause()
    try:
        with pytest.raises(Unavailable):
            enter(slapd, "alice")
    finally:
        slapd.resume()
    corp.refresh_from_db()
    assert corp.failing_since is not None
    sign_in.forget_faults()
    assert enter(slapd, "alice").username == "alice"


@pytest.mark.parametrize("moment", ["groups", "people"])
def test_a_directory_that_falls_silent_during_a_sync(
    slapd: Slapd, tools: Team, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    corp = openldap(slapd, timeout=1)
    map_group(corp, slapd.group_dn("devs"), tools)
    run(corp)
    module, name = (group_reading, "read_groups") if moment == "groups" else (reading, "read_people")
    read = getattr(module, name)

    def silent(*arguments: Any) -> Any:
        slapd.pause()
        return read(*arguments)

    before = evidence.rows()
    with monkeypatch.context() as patch:
        patch.setattr(module, name, silent)
        try:
            failed = run(corp)
        finally:
            slapd.resume()
    assert failed.state == "failed"
    after = evidence.rows()
    for table in ("accounts.User", "accounts.Membership"):
        assert after[table] == before[table]
    assert run(corp).state == "done"


def test_fifty_thousand_groups_of_which_a_few_matter(slapd: Slapd, tools: Team) -> None:
    crowd = slapd.load(people=300, groups=50_000)
    corp = openldap(slapd)
    names = list(crowd.members())
    chain = names[29]  # the last of a chain of ten: g020 to g029
    map_group(corp, slapd.group_dn(chain), tools)
    done = run(corp)
    assert (done.state, done.added) == ("done", 10)
    assert {f"p{number:05}" for number in range(20, 30)} == set(
        tools.memberships.values_list("user__username", flat=True)
    )
    slapd.set_members(chain, ["alice"])
    assert enter(slapd, "alice").memberships.get().team == tools


def test_a_person_in_thousands_of_groups(slapd: Slapd, tools: Team) -> None:
    """More than one answer of the server holds, and one of them matters."""
    crowd = slapd.load(people=3, groups=3000)
    corp = openldap(slapd)
    for name in list(crowd.members())[:1200]:
        slapd.set_members(name, ["alice", "bob"])
    map_group(corp, slapd.group_dn("g1150"), tools)
    alice = enter(slapd, "alice")
    assert Membership.objects.get(user=alice).team == tools
    assert run(corp).state == "done"
    assert set(tools.memberships.values_list("user__username", flat=True)) == {"alice", "bob"}
    slapd.set_members("g1150", [])
    VerifiedPassword.objects.all().delete()
    enter(slapd, "alice")
    assert not Membership.objects.filter(user=alice).exists()
