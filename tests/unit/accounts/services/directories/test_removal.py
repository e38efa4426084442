"""A directory goes: at once for whoever comes, and batch by batch for whom it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from accounts import tasks
from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import (
    ADMINISTRATOR_BIT,
    Alarm,
    AuditEntry,
    BrowserSession,
    Directory,
    DirectorySync,
    FormerDirectory,
    GroupMapping,
    Membership,
    Token,
    User,
    VerifiedPassword,
)
from accounts.services import alarms, passwords, sessions, tokens
from accounts.services.directories import departures, people, removal, settings, sync
from accounts.services.directories.sync import progress, reading
from tests import evidence
from tests.factories.directories import map_group, openldap, silent_directory
from tests.factories.people import SYSTEM, join, make_service_account, make_team, make_token, make_user
from tests.threads import together
from tests.wsgi_client import WsgiClient, basic, bearer
from tpi_site.kit.errors import Conflict, NotFound, Refusal

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def enter(name: str, password: str) -> Actor:
    return passwords.verify(username=name, password=password, address="192.0.2.1")


def remove(directory: Directory) -> None:
    removal.delete(actor=SYSTEM, directory=directory)
    tasks.remove_directory(directory.pk)


def belonging(directory: Directory, count: int) -> list[User]:
    """People of the directory, each with a session, a token, and a place that a group gave."""
    team = make_team()
    found = []
    for number in range(count):
        user = make_user()
        user.directory, user.directory_key = directory, f"key {number}"
        user.set_unusable_password()
        user.save()
        join(user, team, directory=directory)
        make_token(user, [Verb.READ])
        sessions.begin(user=user, address="", browser="")
        found.append(user)
    return found


def test_its_people_are_shut_out_at_once_and_before_any_job_has_run(slapd: Slapd, machine: WsgiClient) -> None:
    corp = openldap(slapd)
    enter("alice", slapd.password_of("alice"))
    alice = User.objects.get()
    token = machine.signed(bearer(make_token(alice)[1]))
    password = machine.signed(basic("alice", slapd.password_of("alice")))
    browser = Client()
    browser.force_login(alice)
    assert (token.get("/api/v1/users/").status, password.get("/api/v1/users/").status) == (200, 200)
    assert browser.get("/account/profile/").status_code == 200

    removal.delete(actor=SYSTEM, directory=corp)

    assert (token.get("/api/v1/users/").status, password.get("/api/v1/users/").status) == (401, 401)
    assert browser.get("/account/profile/").status_code == 302
    VerifiedPassword.objects.all().delete()
    with pytest.raises(Refusal):
        enter("alice", slapd.password_of("alice"))
    assert Directory.objects.get().bind_password == ""
    assert User.objects.get().is_active, "the rest is the job's"


def test_the_request_leaves_the_work_to_a_job(django_capture_on_commit_callbacks: Any) -> None:
    corp = silent_directory()
    belonging(corp, 3)
    found = evidence.collecting()
    with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as few:
        name = removal.delete(actor=SYSTEM, directory=corp)
    [waiting] = OrmQ.objects.all()
    assert (waiting.task["name"], waiting.task["func"]) == (name, "accounts.tasks.remove_directory")
    assert found.actions == ["directory.delete"]
    assert found.audit[0].detail == {"people": 3}

    other = silent_directory("other")
    belonging(other, 12)
    with CaptureQueriesContext(connection) as many:
        removal.delete(actor=SYSTEM, directory=other)
    assert len(many) <= len(few)
    assert "is removed" in tasks.remove_directory(*waiting.task["args"])
    assert tasks.remove_directory(*waiting.task["args"]) == "The directory is removed."


def test_accounts_end_with_all_they_had_through_it(client: Client) -> None:
    corp = silent_directory()
    map_group(corp, "cn=devs,dc=tpi", make_team("devs"))
    ann, ben = belonging(corp, 2)
    own, local = make_team("own"), make_user("local")
    program = make_service_account(own)
    join(ann, own, role="admin")
    actor = tokens.recognise(make_token(ann)[1])
    assert actor is not None
    child, _ = tokens.issue(actor=actor, owner=program, name="job", verbs=[Verb.READ])
    User.objects.filter(pk=ann.pk).update(
        directory_roles=ADMINISTRATOR_BIT | 4, instance_roles=4 | 2, is_superuser=True
    )
    alarms.ring("directory-away", "It fails.", subject="corp")
    found = evidence.collecting()

    remove(corp)

    assert not Directory.objects.exists()
    assert not GroupMapping.objects.exists()
    for user in (ann, ben):
        user.refresh_from_db()
        assert (user.is_active, user.ended_by, user.directory, user.directory_roles) == (False, "directory", None, 0)
    assert (ann.is_superuser, ann.is_staff, ann.instance_roles) == (False, False, 2)
    assert set(Membership.objects.values_list("team__name", flat=True)) == {"own"}
    assert not Token.objects.filter(revoked_at=None).exists()
    assert Token.objects.get(pk=child.pk).revoked_at is not None
    assert not BrowserSession.objects.exists()
    assert User.objects.get(pk=local.pk).is_active
    assert User.objects.get(pk=program.pk).is_active
    assert not Alarm.objects.filter(ended_at=None).exists()
    ends = {entry.object_name: entry.detail for entry in found.audit if entry.action == "user.end"}
    assert ends[ann.username]["number_of_tokens_revoked"] == 3
    assert child.key_id in ends[ann.username]["tokens_revoked"]
    assert (ends[ben.username]["number_of_tokens_revoked"], ends[ben.username]["memberships_ended"]) == (1, 1)
    assert found.actions[-2:] == ["directory.removed", "alarm.end"]


def test_a_batch_of_many_costs_what_a_batch_of_few_does() -> None:
    def cost(name: str, count: int) -> int:
        corp = silent_directory(name)
        belonging(corp, count)
        removal.delete(actor=SYSTEM, directory=corp)
        with CaptureQueriesContext(connection) as queries:
            tasks.remove_directory(corp.pk)
        return sum("accounts_auditentry" not in query["sql"] for query in queries.captured_queries)

    assert cost("few", 2) == cost("many", 30)


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_a_job_that_was_killed_is_taken_up_again(monkeypatch: pytest.MonkeyPatch, survives: int) -> None:
    monkeypatch.setattr(removal, "_BATCH", 2)
    corp = silent_directory()
    belonging(corp, 7)
    removal.delete(actor=SYSTEM, directory=corp)
    leave, calls = departures.leave, []

    def killed(*arguments: Any) -> None:
        calls.append(1)
        leave(*arguments)
        if len(calls) > survives:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(departures, "leave", killed)
        with pytest.raises(KeyboardInterrupt):
            tasks.remove_directory(corp.pk)
    assert FormerDirectory.objects.get().ended == User.objects.filter(is_active=False).count() == 2 * survives

    tasks.remove_directories()

    row = FormerDirectory.objects.get()
    assert (row.people, row.ended, row.ended_at is not None) == (7, 7, True)
    assert not Directory.objects.exists()
    assert AuditEntry.objects.filter(action="user.end").count() == 7


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_do_the_work_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "_BATCH", 3)
    corp = silent_directory()
    belonging(corp, 20)
    removal.delete(actor=SYSTEM, directory=corp)
    together([lambda: tasks.remove_directory(corp.pk)] * 2)
    assert FormerDirectory.objects.get().ended == 20
    assert not Directory.objects.exists()
    ended = list(AuditEntry.objects.filter(action="user.end").values_list("object_name", flat=True))
    assert len(ended) == len(set(ended)) == 20
    assert AuditEntry.objects.filter(action="directory.removed").count() == 1


def test_a_sync_under_way_stops_and_makes_nobody_more(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    corp = openldap(slapd)
    map_group(corp, slapd.group_dn("devs"), make_team("tools"))
    read = reading.read_people

    def removed_meanwhile(*arguments: Any) -> None:
        removal.delete(actor=SYSTEM, directory=Directory.objects.get())
        assert "has been running" in tasks.remove_directory(corp.pk), "a sync that lives is waited for"
        read(*arguments)

    monkeypatch.setattr(reading, "read_people", removed_meanwhile)
    done = sync.run(actor=SYSTEM, directory=corp)
    assert (done.state, done.sentence) == ("failed", "The directory 'corp' is being removed; wait until that is over.")
    assert not User.objects.exists()
    tasks.remove_directories()
    assert not Directory.objects.exists()


def test_a_sync_that_was_killed_is_not_waited_for() -> None:
    corp = silent_directory()
    begun = progress.begin(corp, dry_run=False)
    begun.cursor["owner"] = "elsewhere 1 1"
    begun.moved_at = begun.moved_at.replace(year=2020)
    begun.save()
    remove(corp)
    assert not DirectorySync.objects.exists()


def test_who_signs_in_at_the_moment_of_removal_does_not_slip_through(
    slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    corp = openldap(slapd)
    admit = people.admit

    def removed_meanwhile(*arguments: Any) -> User:
        remove(Directory.objects.get())
        return admit(*arguments)

    enter("alice", slapd.password_of("alice"))
    VerifiedPassword.objects.all().delete()
    monkeypatch.setattr(people, "admit", removed_meanwhile)
    with pytest.raises(Refusal):
        enter("alice", slapd.password_of("alice"))
    alice = User.objects.get()
    assert (alice.is_active, alice.directory) == (False, None)
    assert not Directory.objects.filter(pk=corp.pk).exists()


def test_what_is_being_removed_is_not_changed_any_more() -> None:
    corp = silent_directory()
    removal.delete(actor=SYSTEM, directory=corp)
    for act in (
        lambda: settings.change(actor=SYSTEM, directory=corp, enabled=True),
        lambda: removal.delete(actor=SYSTEM, directory=corp),
        lambda: removal.delete(actor=SYSTEM, directory=Directory.objects.get()),
        lambda: sync.run(actor=SYSTEM, directory=corp),
        silent_directory,
    ):
        with pytest.raises(Conflict) as refusal:
            act()
        assert refusal.value.code == "directory-being-removed"


def test_nor_by_somebody_who_read_it_before_the_removal_began() -> None:
    stale = silent_directory()
    removal.delete(actor=SYSTEM, directory=Directory.objects.get())
    with evidence.refused("directory-being-removed"):
        settings.change(actor=SYSTEM, directory=stale, enabled=True, bind_password="another")
    removal.carry_on(Directory.objects.get())
    with pytest.raises(NotFound):
        settings.change(actor=SYSTEM, directory=stale, title="Gone")
