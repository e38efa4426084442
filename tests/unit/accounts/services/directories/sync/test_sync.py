"""Syncs with OpenLDAP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.models import (
    Alarm,
    AuditEntry,
    Directory,
    DirectorySync,
    Membership,
    SyncedMember,
    Team,
    Token,
    User,
    VerifiedPassword,
)
from accounts.services import passwords
from accounts.services.directories import sync
from accounts.services.directories.sync import progress, reading, removing
from tests import evidence
from tests.factories.directories import map_group
from tests.factories.people import SYSTEM, actor_of, make_team, make_token, make_user
from tests.unit.accounts.services.directories.syncing import people_in, run
from tpi_site.kit.errors import Conflict, Forbidden

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_members_of_mapped_groups_get_accounts_and_places(slapd: Slapd, corp: Directory, tools: Team) -> None:
    done = run(corp)
    assert people_in(tools) == {"alice", "bob"}
    assert (done.state, done.added, done.memberships_added) == ("done", 2, 2)
    assert done.found >= 4
    assert not User.objects.filter(username="carol").exists()
    assert not SyncedMember.objects.exists()


def test_a_second_sync_changes_nothing_and_writes_nothing_about_people(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    found = evidence.collecting()
    done = run(corp)
    assert (done.added, done.changed, done.removed, done.memberships_added) == (0, 0, 0, 0)
    assert found.actions == ["directory.sync"]
    assert done.differences == []


def test_who_left_the_group_leaves_the_team(slapd: Slapd, corp: Directory, tools: Team) -> None:
    run(corp)
    slapd.set_members("team-a", [])
    done = run(corp)
    assert people_in(tools) == {"bob"}
    assert User.objects.get(username="alice").is_active
    assert done.memberships_removed == 1
    assert done.differences == [{"person": "alice", "did": ["no longer in tools"]}]


@pytest.mark.parametrize("how", ["locked", "deleted", "moved"])
def test_who_is_gone_loses_account_and_tokens_and_leaves_what_they_own(
    slapd: Slapd, corp: Directory, tools: Team, how: str
) -> None:
    run(corp)
    alice = User.objects.get(username="alice")
    token, _ = make_token(alice)
    passwords.verify(username="alice", password=slapd.password_of("alice"), address="192.0.2.1")
    if how == "locked":
        slapd.lock("alice")
    elif how == "deleted":
        slapd.delete(slapd.person_dn("alice"))
    else:
        slapd.rename(slapd.person_dn("alice"), "uid=alice", under=slapd.groups_dn)

    done = run(corp)

    alice.refresh_from_db()
    assert (alice.is_active, alice.ended_by) == (False, "directory")
    assert Token.objects.get(pk=token.pk).revoked_at is not None
    assert not VerifiedPassword.objects.filter(user=alice).exists()
    assert people_in(tools) == {"bob"}
    assert done.removed == 1


def test_who_comes_back_has_the_account_again(slapd: Slapd, corp: Directory, tools: Team) -> None:
    run(corp)
    slapd.lock("alice")
    run(corp)
    slapd.unlock("alice")
    run(corp)
    assert User.objects.get(username="alice").is_active
    assert people_in(tools) == {"alice", "bob"}


def test_a_changed_entry_is_mirrored(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    slapd.set_attribute(slapd.person_dn("alice"), "mail", "new@tpi.example")
    slapd.rename(slapd.person_dn("bob"), "uid=robert")
    slapd.set_attribute(slapd.person_dn("robert"), "uid", "robert")
    done = run(corp)
    assert User.objects.get(username="alice").email == "new@tpi.example"
    assert User.objects.filter(username="robert").exists()
    assert done.changed == 2


def test_local_people_and_memberships_given_here_are_left_alone(slapd: Slapd, corp: Directory, tools: Team) -> None:
    run(corp)
    local = make_user("local")
    Membership.objects.create(team=tools, user=local)
    Membership.objects.create(team=tools, user=User.objects.get(username="alice"), role="admin")
    slapd.set_members("team-a", [])
    run(corp)
    assert people_in(tools) == {"bob", "local", "alice"}
    assert local.is_active


def test_a_dry_run_tells_and_changes_nothing(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    slapd.set_members("team-a", ["carol"])
    slapd.lock("bob")
    before = evidence.state()
    told = sync.plan(actor=SYSTEM, directory=corp)
    assert (told.added, told.removed, told.memberships_removed, told.memberships_added) == (1, 1, 2, 1)
    assert {line["person"]: line["did"] for line in told.differences} == {
        "carol": ["account made", "member of tools"],
        "alice": ["no longer in tools"],
        "bob": ["shut out", "no longer in tools"],
    }
    after = evidence.state()
    for state in (before, after):  # the report, and when the directory answered
        del state["rows"]["accounts.DirectorySync"], state["rows"]["accounts.Directory"]
    assert after == before


def test_too_many_removals_pause_the_sync_and_ring(slapd: Slapd, corp: Directory, tools: Team) -> None:
    crowd = slapd.load(people=10, groups=1)
    map_group(corp, slapd.group_dn("g000"), tools)
    run(corp)
    names = list(crowd.uids())
    for uid in names[:3]:
        slapd.delete(slapd.person_dn(uid))

    paused = run(corp)

    corp.refresh_from_db()
    assert (paused.state, paused.removed, corp.paused_at is not None) == ("paused", 0, True)
    assert User.objects.filter(is_active=True, directory=corp).count() == 12
    assert Alarm.objects.filter(code="directory-sync-paused", ended_at=None).exists()
    assert {line["person"] for line in paused.differences} == set(names[:3])
    with pytest.raises(Conflict, match="paused"):
        run(corp)

    done = run(corp, accept_removals=True)
    corp.refresh_from_db()
    assert (done.state, done.removed, corp.paused_at) == ("done", 3, None)
    assert not Alarm.objects.filter(code="directory-sync-paused", ended_at=None).exists()


def test_a_base_that_finds_nobody_shuts_nobody_out(slapd: Slapd, corp: Directory, tools: Team) -> None:
    slapd.load(people=10, groups=1)
    map_group(corp, slapd.group_dn("g000"), tools)
    run(corp)
    slapd.add_group("nobody-here")
    Directory.objects.filter(pk=corp.pk).update(user_base=slapd.group_dn("nobody-here"))
    assert run(corp).state == "paused"
    assert not User.objects.filter(directory=corp, is_active=False).exists()


def test_pages_beyond_the_servers_limit(slapd: Slapd, corp: Directory, tools: Team) -> None:
    slapd.load(people=1200, groups=30)
    for number in range(30):
        map_group(corp, slapd.group_dn(f"g{number:03}"), make_team(f"t{number}"))
    done = run(corp)
    assert done.added == 1202
    assert done.found >= 1204
    # each group holds the one before it, in chains of ten, of which the last is a ring
    sizes = {team.name: team.memberships.count() for team in Team.objects.filter(name__in=["t0", "t9", "t15", "t20"])}
    assert sizes == {"t0": 40, "t9": 400, "t15": 240, "t20": 400}


def test_a_sync_that_was_killed_is_taken_up_again(
    slapd: Slapd, corp: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_people", die)
        with pytest.raises(Killed):
            run(corp)
    interrupted = DirectorySync.objects.get()
    assert interrupted.state == "running"
    assert list(interrupted.cursor["gives"].values())
    interrupted.cursor["owner"] = interrupted.cursor["owner"].replace(" ", " 99999", 1)  # that process is no more
    interrupted.save()

    done = run(corp)

    assert (done.pk, done.state, done.added) == (interrupted.pk, "done", 2)


def test_one_sync_of_a_directory_at_a_time(slapd: Slapd, corp: Directory) -> None:
    progress.begin(corp, dry_run=False)
    with pytest.raises(Conflict, match="running"):
        run(corp)


def test_a_directory_that_goes_away_ends_the_sync_with_a_sentence_and_takes_nothing(
    slapd: Slapd, corp: Directory, tools: Team
) -> None:
    run(corp)
    slapd.stop()
    failed = run(corp)
    assert failed.state == "failed"
    assert failed.sentence.startswith("connect: ")
    assert people_in(tools) == {"alice", "bob"}


def test_somebody_with_anothers_name_is_passed_over_and_the_rest_goes_on(
    slapd: Slapd, corp: Directory, tools: Team
) -> None:
    local = make_user("alice")
    done = run(corp)
    assert people_in(tools) == {"bob"}
    assert {"person": "alice", "did": ["passed over: directory-name-taken"]} in done.differences
    assert User.objects.get(username="alice") == local
    assert Alarm.objects.filter(code="directory-name-taken").exists()


def test_a_disabled_account_stays_disabled(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    User.objects.filter(username="alice").update(is_active=False, ended_by="administrator")
    run(corp)
    assert not User.objects.get(username="alice").is_active


def test_only_operators_and_administrators_sync(slapd: Slapd, corp: Directory) -> None:
    with pytest.raises(Forbidden):
        sync.run(actor=actor_of(make_user("anna")), directory=corp)


def test_every_account_made_and_every_place_given_is_in_the_audit_log(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    rows = set(AuditEntry.objects.filter(actor_name="directory corp").values_list("action", "object_name"))
    assert rows == {("user.create", "alice"), ("user.create", "bob"), ("team.set-member", "tools")}


@pytest.mark.parametrize(
    ("gone", "everything", "is_too_much"),
    [(0, 0, False), (2, 2, False), (3, 15, False), (3, 14, True), (20, 100, False), (21, 100, True)],
)
def test_what_is_too_much(gone: int, everything: int, is_too_much: bool) -> None:
    assert removing.Count(people=everything, people_gone=gone).is_too_much(20) == is_too_much
    assert removing.Count(places=everything, places_gone=gone).is_too_much(20) == is_too_much


def test_many_who_would_lose_a_part_for_the_instance_pause_the_sync(slapd: Slapd, corp: Directory) -> None:
    slapd.load(people=10, groups=1)
    map_group(corp, slapd.group_dn("g000"), None, instance_role="administrator")
    run(corp)
    assert User.objects.filter(is_superuser=True).count() == 10
    slapd.set_members("g000", [])
    assert run(corp).state == "paused"
    assert User.objects.filter(is_superuser=True).count() == 10


def test_a_sync_that_breaks_off_is_told_and_does_not_stand_in_the_way(
    slapd: Slapd, corp: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_people", break_off)
        with pytest.raises(RuntimeError):
            run(corp)
    assert DirectorySync.objects.get().state == "failed"
    assert Alarm.objects.filter(code="directory-sync-broken", ended_at=None).exists()
    assert run(corp).state == "done"
    assert not Alarm.objects.filter(code="directory-sync-broken", ended_at=None).exists()


def test_what_was_given_here_is_not_taken_by_a_group(slapd: Slapd, corp: Directory) -> None:
    make_user(is_superuser=True)
    run(corp)
    User.objects.filter(username="alice").update(is_superuser=True, instance_roles=2)
    map_group(corp, slapd.group_dn("team-a"), None, instance_role="administrator")
    map_group(corp, slapd.group_dn("team-a"), None, instance_role="auditor")
    run(corp)
    alice = User.objects.get(username="alice")
    assert (alice.is_superuser, alice.instance_roles, alice.directory_roles) == (True, 2 | 4, 4)
    slapd.set_members("team-a", ["carol"])
    run(corp)
    alice.refresh_from_db()
    assert (alice.is_superuser, alice.instance_roles, alice.directory_roles) == (True, 2, 0)


def test_a_part_for_the_instance_is_told_in_words(slapd: Slapd, corp: Directory) -> None:
    map_group(corp, slapd.group_dn("team-a"), None, instance_role="security-officer")
    done = run(corp)
    assert {"person": "alice", "did": ["account made", "member of tools", "security-officer of the instance"]} in (
        done.differences
    )
    [entry] = AuditEntry.objects.filter(action="user.change", object_name="alice")
    assert entry.detail["after"] == {"instance_roles": ["security-officer"], "is_superuser": False}


def test_a_mapped_group_that_is_not_there_is_told(slapd: Slapd, corp: Directory, tools: Team) -> None:
    wrong = map_group(corp, f"cn=dves,{slapd.groups_dn}", tools)
    done = run(corp)
    assert done.differences[0] == {"person": wrong.group_dn, "did": ["this mapped group is not in the directory"]}
    assert Alarm.objects.filter(code="directory-group-missing", ended_at=None).exists()
    wrong.delete()
    run(corp)
    assert not Alarm.objects.filter(code="directory-group-missing", ended_at=None).exists()


def test_lists_of_groups_from_before_a_mapping_are_read_anew(
    slapd: Slapd, corp: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_people", break_off)
        with pytest.raises(KeyboardInterrupt):
            run(corp)
    rings = make_team("rings")
    map_group(corp, slapd.group_dn("ring-one"), rings)
    passwords.verify(username="carol", password=slapd.password_of("carol"), address="192.0.2.1")
    interrupted = DirectorySync.objects.get()
    interrupted.cursor["owner"] = interrupted.cursor["owner"].replace(" ", " 99999", 1)
    interrupted.save()

    done = run(corp)

    assert (done.pk, done.state, done.memberships_removed) == (interrupted.pk, "done", 0)
    assert people_in(rings) == {"carol"}


def long_name(slapd: Slapd, uid: str) -> None:
    """Give a person a DN for which a row has no room."""
    under = slapd.people_dn
    for letter in "abc":
        name = letter * 200
        under = slapd.rename(slapd.add_person(name), f"uid={name}", under=under)
    slapd.rename(slapd.person_dn(uid), f"uid={uid}", under=under)


def test_a_name_that_is_longer_than_the_row_has_room_for_costs_nobody_the_team(
    slapd: Slapd, corp: Directory, tools: Team
) -> None:
    long_name(slapd, "alice")
    for _ in range(2):
        done = run(corp)
        assert (done.memberships_removed, people_in(tools)) == (0, {"alice", "bob"})
    assert done.memberships_added == 0
    slapd.set_members("team-a", [])
    assert run(corp).memberships_removed == 1
    assert people_in(tools) == {"bob"}


def test_a_plan_knows_people_who_are_called_otherwise_now(slapd: Slapd, corp: Directory) -> None:
    run(corp)
    long_name(slapd, "alice")
    slapd.set_attribute(slapd.rename(slapd.person_dn("bob"), "uid=robert"), "uid", "robert")
    told = sync.plan(actor=SYSTEM, directory=corp)
    assert (told.changed, told.memberships_added, told.memberships_removed) == (2, 0, 0)
