"""What happens while a directory is away, and who hears of it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import tasks
from accounts.models import Alarm, AuditEntry, Directory, DirectorySync, Token, User
from accounts.services import passwords, tokens
from accounts.services.directories import environment, removal, standing
from accounts.services.directories import settings as directories
from tests.factories.directories import map_group, openldap, silent_values, slapd_values
from tests.factories.people import SYSTEM, make_team, make_token, make_user
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient, basic, bearer
from tpi_site.kit.errors import Conflict, Invalid

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    return openldap(slapd)


@pytest.fixture
def alice(slapd: Slapd, corp: Directory) -> User:
    passwords.verify(username="alice", password=slapd.password_of("alice"), address="192.0.2.1")
    return User.objects.get(username="alice")


def been_away(directory: Directory, hours: float) -> None:
    Directory.objects.filter(pk=directory.pk).update(failing_since=timezone.now() - timedelta(hours=hours))
    process_memory.forget()


def test_tokens_go_on_while_the_directory_is_away_and_end_after_the_grace(
    alice: User, corp: Directory, machine: WsgiClient, settings: Any
) -> None:
    settings.TPI_DIRECTORY_GRACE_HOURS = 10
    client = machine.signed(bearer(make_token(alice)[1]))
    been_away(corp, 9)
    assert client.get("/api/v1/users/").status == 200
    been_away(corp, 11)
    refused = client.get("/api/v1/users/")
    assert (refused.status, refused.code, refused.json["detail"]) == (401, "directory-lapsed", standing.LAPSED)
    Directory.objects.update(failing_since=None)
    process_memory.forget()
    assert client.get("/api/v1/users/").status == 200


def test_only_who_holds_a_tokens_secret_is_told_of_its_owners_directory(
    alice: User, corp: Directory, machine: WsgiClient
) -> None:
    (token, text), (other, guess) = make_token(alice), make_token(alice)
    Token.objects.filter(pk=other.pk).update(digest="0" * 64)  # so the text has the key id and another secret
    been_away(corp, 1000)
    assert machine.signed(bearer(text)).get("/api/v1/users/").code == "directory-lapsed"
    assert machine.signed(bearer(guess)).get("/api/v1/users/").code == "token-wrong"
    tokens.revoke(actor=SYSTEM, token=token)
    process_memory.forget()
    assert machine.signed(bearer(text)).get("/api/v1/users/").code == "token-wrong"


def test_sessions_and_remembered_passwords_end_after_the_grace_too(
    slapd: Slapd, alice: User, corp: Directory, machine: WsgiClient, settings: Any
) -> None:
    settings.TPI_DIRECTORY_GRACE_HOURS = 10
    browser = Client()
    browser.force_login(alice)
    password = machine.signed(basic("alice", slapd.password_of("alice")))
    been_away(corp, 9)
    assert browser.get("/account/profile/").status_code == 200
    assert password.get("/api/v1/users/").status == 200
    been_away(corp, 11)
    assert browser.get("/account/profile/").status_code == 302
    assert password.get("/api/v1/users/").status == 401


@pytest.mark.usefixtures("told_all")
def test_an_outage_is_seen_before_somebody_signs_in(slapd: Slapd, corp: Directory, machine: WsgiClient) -> None:
    operator = machine.signed(bearer(make_token(make_user(is_superuser=True))[1]))
    tasks.ask_directories()
    assert machine.get("/readyz").json["directories"] == {"corp": "ok"}
    assert 'tpi_directory_up{directory="corp"} 1.0' in operator.get("/metrics").body.decode()
    slapd.stop()
    tasks.ask_directories()
    answer = machine.get("/readyz")
    assert (answer.status, answer.json["directories"]) == (200, {"corp": "failing"})
    metrics = operator.get("/metrics").body.decode()
    assert 'tpi_directory_up{directory="corp"} 0.0' in metrics
    assert 'tpi_alarms_open{code="directory-away"} 1.0' in metrics


def test_the_scheduled_sync_goes_on_after_a_directory_that_fails(slapd: Slapd, corp: Directory) -> None:
    broken = openldap(slapd, name="broken", bind_password="wrong")
    map_group(corp, slapd.group_dn("team-a"), make_team("tools"))
    tasks.sync_directories()
    states = dict(DirectorySync.objects.values_list("directory__name", "state"))
    assert states == {"broken": "failed", "corp": "done"}
    broken.refresh_from_db()
    assert broken.failure.startswith("bind: ")


def test_the_commands_tell_what_they_found(slapd: Slapd, corp: Directory) -> None:
    map_group(corp, slapd.group_dn("team-a"), make_team("tools"))
    out = StringIO()
    call_command("test_directory", "corp", "--user", "alice", stdout=out)
    call_command("sync_directory", "corp", "--dry-run", stdout=out)
    assert not User.objects.filter(username="alice").exists()
    call_command("sync_directory", "corp", stdout=out)
    assert "alice: account made, member of tools" in out.getvalue()
    assert User.objects.filter(username="alice").exists()
    slapd.stop()
    with pytest.raises(CommandError):
        call_command("test_directory", "corp", stdout=out)
    with pytest.raises(CommandError, match="connect"):
        call_command("sync_directory", "corp", stdout=out)
    with pytest.raises(CommandError, match="no directory"):
        call_command("test_directory", "other", stdout=out)


def test_the_environment_configures_directories(slapd: Slapd) -> None:
    values = slapd_values(slapd)
    environment.write({"corp": values})
    environment.write({"corp": values})
    corp = Directory.objects.get()
    assert (corp.origin, corp.enabled) == ("environment", True)
    assert passwords.verify(username="alice", password=slapd.password_of("alice"), address="192.0.2.1").username
    environment.write({"corp": {**values, "timeout": 9}})
    corp.refresh_from_db()
    assert corp.timeout == 9
    environment.write({})
    corp.refresh_from_db()
    assert not corp.enabled
    assert User.objects.get(username="alice").is_active


def test_what_has_left_the_environment_is_the_consoles_until_it_returns(administrator_actor: Any) -> None:
    values = silent_values()
    environment.write({"corp": values})
    for _ in range(2):
        environment.write({})
    corp = Directory.objects.get()
    assert (corp.origin, corp.enabled) == ("released", False)
    assert AuditEntry.objects.filter(action="directory.change").count() == 1
    directories.change(actor=administrator_actor, directory=corp, title="Old", enabled=True)
    environment.write({"corp": {**values, "title": "New"}})
    corp.refresh_from_db()
    assert (corp.origin, corp.enabled, corp.title) == ("environment", True, "New")
    assert environment.made_in_console(["corp"]) == []
    environment.write({})
    removal.delete(actor=administrator_actor, directory=Directory.objects.get())
    assert not Alarm.objects.exists()


def test_the_environment_lets_the_last_administrator_go_and_tells() -> None:
    environment.write({"corp": silent_values()})
    boss = make_user("boss", is_superuser=True)
    User.objects.filter(pk=boss.pk).update(directory=Directory.objects.get(), password="!")
    environment.write({})
    assert not Directory.objects.get().enabled
    alarm = Alarm.objects.get()
    assert (alarm.code, alarm.subject) == ("last-administrator", "corp")


def test_what_the_environment_configures_is_changed_there(slapd: Slapd, administrator_actor: Any) -> None:
    environment.write({"corp": slapd_values(slapd)})
    with pytest.raises(Conflict, match="TPI_LDAP_"):
        directories.change(actor=administrator_actor, directory=Directory.objects.get(), timeout=3)


@pytest.fixture
def administrator_actor() -> Any:
    from tests.factories.people import actor_of, make_user

    return actor_of(make_user("root", is_superuser=True))


def test_a_name_of_the_console_is_not_taken_by_the_environment(slapd: Slapd, corp: Directory) -> None:
    with pytest.raises(Invalid, match="another name"):
        environment.write({"corp": slapd_values(slapd)})


def test_a_variable_that_is_taken_out_has_its_usual_value_again(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    from tpi_site.settings import directories as variables
    from tpi_site.settings import env

    monkeypatch.setattr(env, "declared", dict(env.declared))  # these are of this test alone
    values = slapd_values(slapd)
    certificates = values.pop("ca_certificates")
    for name, value in {"name_attribute": "cn", **values}.items():
        monkeypatch.setenv(f"TPI_LDAP_CORP_{name.upper()}", value)
    monkeypatch.setenv("TPI_LDAP", "corp")
    environment.write(variables.read())
    assert Directory.objects.get().name_attribute == "cn"
    monkeypatch.delenv("TPI_LDAP_CORP_NAME_ATTRIBUTE")
    environment.write(variables.read())
    assert Directory.objects.get().name_attribute == ""
    assert certificates
