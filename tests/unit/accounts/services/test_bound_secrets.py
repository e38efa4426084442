"""Who may write to the database and has no key sends no kept secret elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.domain.actors import internal
from accounts.models import AuditSink, Directory
from accounts.services import audit_senders, audit_sinks, bound_secrets
from accounts.services.directories import environment
from accounts.services.directories import settings as directories
from accounts.services.keys import rewrapping
from accounts.services.keys import ring as rings
from tests import evidence
from tests.factories.people import SYSTEM
from tpi_site.kit import sealing

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PASSWORD = "the bind account's"
BIND: dict[str, Any] = {
    "hosts": "ldap.tpi.example",
    "user_base": "dc=tpi",
    "bind_dn": "cn=tpi,dc=tpi",
    "bind_password": PASSWORD,
}


@pytest.fixture
def corp() -> Directory:
    return directories.create(actor=SYSTEM, name="corp", **BIND)


@pytest.fixture
def sink() -> AuditSink:
    return audit_sinks.create(actor=SYSTEM, name="siem", kind="http", address="https://siem.tpi.example/in")


def secret_of(sink: AuditSink) -> str:
    row = AuditSink.objects.get(pk=sink.pk)
    return sealing.unseal(row.secret, audit_senders.purpose(row))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hosts", "evil.example"),
        ("security", "starttls"),
        ("ca_certificates", "of evil"),
        ("verify_certificate", False),
        ("name", "other"),
    ],
)
def test_a_row_that_names_other_servers_does_not_open(corp: Directory, field: str, value: Any) -> None:
    Directory.objects.update(**{field: value})
    with evidence.refused("secret-sealed"):
        directories.settings_of(Directory.objects.get())


def test_whoever_gives_the_password_again_mends_such_a_row(corp: Directory) -> None:
    Directory.objects.update(hosts="evil.example")
    directories.change(actor=SYSTEM, directory=corp, hosts="ldap.tpi.example", bind_password=PASSWORD)
    assert directories.settings_of(Directory.objects.get()).bind_password == PASSWORD


def test_the_service_keeps_the_password_where_the_environment_moves_a_directory() -> None:
    environment.write({"corp": BIND})
    moved = {"corp": BIND | {"hosts": "ldap2.tpi.example"}}
    environment.write(moved)
    found = directories.settings_of(Directory.objects.get())
    assert (found.hosts, found.bind_password) == ("ldap2.tpi.example", PASSWORD)
    Directory.objects.update(hosts="evil.example")
    environment.write(moved)
    found = directories.settings_of(Directory.objects.get())
    assert (found.hosts, found.bind_password) == ("ldap2.tpi.example", PASSWORD)


def test_a_sinks_secret_signs_for_its_own_address_alone(sink: AuditSink) -> None:
    secret = secret_of(sink)
    audit_sinks.change(actor=SYSTEM, sink=sink, address="https://siem.tpi.example/other")
    assert secret_of(sink) == secret
    other = audit_sinks.create(actor=SYSTEM, name="other", kind="http", address="https://siem.tpi.example/other")
    sealed = AuditSink.objects.get(pk=sink.pk).secret
    AuditSink.objects.filter(pk=other.pk).update(secret=sealed)
    with evidence.refused("secret-sealed"):
        secret_of(other)
    AuditSink.objects.filter(pk=sink.pk).update(address="https://evil.example/")
    with evidence.refused("secret-sealed"):
        secret_of(sink)
    audit_sinks.change(actor=SYSTEM, sink=sink, address="https://siem.tpi.example/in", secret=secret)
    assert secret_of(sink) == secret


def test_a_rotation_wraps_them_anew(corp: Directory, sink: AuditSink) -> None:
    secret, old = secret_of(sink), sealing.key_ring().current
    rings.add_key(actor=internal("manage.py"))
    assert rewrapping.rewrap_all(actor=SYSTEM).unopenable == 0
    rings.remove_key(actor=SYSTEM, key_id=old)
    assert secret_of(sink) == secret
    assert directories.settings_of(Directory.objects.get()).bind_password == PASSWORD


def test_an_upgrade_binds_what_was_sealed_before_once(corp: Directory, sink: AuditSink) -> None:
    secret = secret_of(sink)
    Directory.objects.update(bind_password=sealing.seal(PASSWORD, "directory:corp"))
    AuditSink.objects.update(secret=sealing.seal(secret, "audit-sink"))
    broken = AuditSink.objects.create(name="broken", kind="http", secret="s1.nothing.AAAA")
    bound_secrets.bind_before([])
    with evidence.refused("secret-sealed"):
        directories.settings_of(Directory.objects.get())
    mark = MigrationLoader(connection).get_migration("accounts", "0015_bound_secrets")
    for _ in range(2):  # killed before the mark was set
        bound_secrets.bind_before([(mark, False)])
    assert directories.settings_of(Directory.objects.get()).bind_password == PASSWORD
    assert secret_of(sink) == secret
    assert AuditSink.objects.get(pk=broken.pk).secret == "s1.nothing.AAAA"
