"""Directories that do not answer, or not so that they could be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accounts.models import Alarm, Directory
from accounts.services.directories import sign_in
from tests.factories.directories import host, openldap
from tests.unit.accounts.services.directories.signing_in import enter, refused

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.parametrize("fault", ["expired", "other host", "other ca"])
def test_a_certificate_that_is_not_in_order_lets_nobody_in(slapd: Slapd, fault: str) -> None:
    ca = slapd.other_ca_file if fault == "other ca" else slapd.ca_file
    corp = openldap(slapd, ca_certificates=Path(ca).read_text())
    if fault == "expired":
        slapd.use_expired_certificate()
    elif fault == "other host":
        slapd.use_certificate_of_another_host()

    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure
    assert slapd.binds(slapd.person_dn("alice")) == 0


def test_while_the_directory_is_down_nobody_new_comes_in_and_operators_are_told(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failing_since is not None
    assert Alarm.objects.filter(code="directory-away", subject="corp", ended_at=None).exists()

    slapd.restart()
    sign_in.forget_faults()
    enter("alice", slapd.password_of("alice"))
    corp.refresh_from_db()
    assert corp.failing_since is None
    assert not Alarm.objects.filter(code="directory-away", ended_at=None).exists()


def test_a_directory_that_is_down_is_not_asked_by_everyone(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    slapd.restart()
    assert refused("bob", slapd.password_of("bob")) == "directory-away"
    assert slapd.binds(slapd.service_dn) == 0


def test_being_down_does_not_count_as_a_wrong_password(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    for _ in range(30):
        assert refused("alice", slapd.password_of("alice")) == "directory-away"
    slapd.restart()
    sign_in.forget_faults()
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_a_slow_directory_is_given_up(slapd: Slapd) -> None:
    openldap(slapd, timeout=1)
    slapd.pause()
    try:
        assert refused("alice", slapd.password_of("alice")) == "directory-away"
    finally:
        slapd.resume()


def test_the_next_host_answers_where_the_first_is_down(slapd: Slapd) -> None:
    from tests.servers.ports import free_port

    openldap(slapd, hosts=f"127.0.0.1:{free_port()} {host(slapd.uri_ldaps)}")
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_a_wrong_bind_password_is_the_operators_fault_and_not_the_persons(slapd: Slapd) -> None:
    corp = openldap(slapd, bind_password="wrong")
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure.startswith("bind:")


def test_a_search_that_fails_is_no_wrong_password(slapd: Slapd) -> None:
    corp = openldap(slapd, user_base="ou=nowhere,dc=tpi,dc=example")
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure.startswith("search:")
