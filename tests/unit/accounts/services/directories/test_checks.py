"""'Test this directory' says which step fails."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

from accounts.services.directories import checks
from tests.factories.directories import host, map_group, openldap
from tests.factories.people import make_team
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def outcome(slapd: Slapd, username: str = "", **values: Any) -> tuple[str | None, str]:
    """The step that failed and its sentence; the steps before it are good, those after it were not reached."""
    steps = checks.check(openldap(slapd, **values), username).steps
    assert [step.name for step in steps] == list(checks.STEPS)
    bad = [step for step in steps if step.is_good is False]
    if not bad:
        return None, " ".join(step.sentence for step in steps)
    place = steps.index(bad[0])
    assert all(step.is_good for step in steps[:place])
    assert all(step.is_good is None for step in steps[place + 1 :])
    return bad[0].name, bad[0].sentence


def test_all_is_well(slapd: Slapd) -> None:
    step, told = outcome(slapd, "alice")
    assert step is None
    assert "uid=alice" in told
    assert "3 groups" in told


def test_the_groups_of_the_person_are_found_with_what_they_give(slapd: Slapd) -> None:
    corp, team = openldap(slapd), make_team("tools")
    map_group(corp, slapd.group_dn("devs").upper(), team, role="maintainer")
    map_group(corp, slapd.group_dn("devs"), None, instance_role="auditor")
    found = checks.check(corp, "alice")
    assert found.person == "alice"
    given = {group.dn: group.gives for group in found.groups}
    assert given[slapd.group_dn("devs").lower()] == ("maintainer of tools", "auditor of the instance")
    assert len(given) == 3
    assert found.warning == ""


def test_a_person_without_groups_or_without_mapped_ones_is_warned_of(slapd: Slapd) -> None:
    corp = openldap(slapd)
    assert "None of the groups of alice is mapped" in checks.check(corp, "alice").warning
    slapd.add_person("dora")
    found = checks.check(corp, "dora")
    assert found.groups == []
    assert "No group of dora was found" in found.warning
    found = checks.check(corp, "nobody")
    assert (found.person, found.groups, found.warning) == ("", [], "")


def test_the_command_says_the_same(slapd: Slapd) -> None:
    corp, said = openldap(slapd), StringIO()
    call_command("test_directory", "corp", user="alice", stdout=said)
    assert f"  {slapd.group_dn('devs').lower()} (not mapped)" in said.getvalue()
    assert "WARNING  None of the groups of alice is mapped" in said.getvalue()
    map_group(corp, slapd.group_dn("devs"), make_team("tools"))
    said = StringIO()
    call_command("test_directory", "corp", user="alice", stdout=said)
    assert f"  {slapd.group_dn('devs').lower()} (member of tools)" in said.getvalue()
    assert "WARNING" not in said.getvalue()


def test_nobody_listens(slapd: Slapd) -> None:
    step, told = outcome(slapd, hosts=f"127.0.0.1:{free_port()}")
    assert step == "connect"
    assert "cannot be reached" in told


def test_a_name_that_does_not_resolve(slapd: Slapd) -> None:
    assert outcome(slapd, hosts="nowhere.invalid")[0] == "connect"


def test_another_ca(slapd: Slapd) -> None:
    step, told = outcome(slapd, ca_certificates=Path(slapd.other_ca_file).read_text())
    assert step == "tls"
    assert "certificate" in told


def test_an_expired_certificate(slapd: Slapd) -> None:
    slapd.use_expired_certificate()
    step, told = outcome(slapd)
    assert step == "tls"
    assert "expired" in told


def test_a_certificate_of_another_host(slapd: Slapd) -> None:
    slapd.use_certificate_of_another_host()
    step, told = outcome(slapd)
    assert step == "tls"
    assert "mismatch" in told.lower() or "not valid for" in told.lower()


def test_certificates_that_are_none(slapd: Slapd) -> None:
    assert outcome(slapd, ca_certificates="no certificate")[0] == "tls"


def test_ldaps_on_the_other_port(slapd: Slapd) -> None:
    assert outcome(slapd, hosts=host(slapd.uri_ldap))[0] == "tls"


def test_start_tls_with_another_ca(slapd: Slapd) -> None:
    values = {"hosts": host(slapd.uri_ldap), "security": "starttls"}
    assert outcome(slapd, **values)[0] is None


def test_start_tls_with_the_wrong_ca(slapd: Slapd) -> None:
    other = Path(slapd.other_ca_file).read_text()
    assert outcome(slapd, hosts=host(slapd.uri_ldap), security="starttls", ca_certificates=other)[0] == "tls"


def test_unchecked_certificates_are_named_as_such(slapd: Slapd) -> None:
    other = Path(slapd.other_ca_file).read_text()
    step, told = outcome(slapd, ca_certificates=other, verify_certificate=False)
    assert step is None
    assert "not checked" in told


def test_a_wrong_bind_password(slapd: Slapd) -> None:
    step, told = outcome(slapd, bind_password="wrong")
    assert step == "bind"
    assert "wrong" not in told


def test_a_base_that_is_not_there(slapd: Slapd) -> None:
    assert outcome(slapd, user_base="ou=nowhere,dc=tpi,dc=example")[0] == "search"


def test_a_filter_that_finds_nobody(slapd: Slapd) -> None:
    step, told = outcome(slapd, user_filter="(objectClass=device)")
    assert step == "search"
    assert "anybody" in told


def test_a_person_who_is_not_there(slapd: Slapd) -> None:
    step, told = outcome(slapd, "nobody*)(uid=*")
    assert step == "search"
    assert "nobody" in told


def test_an_attribute_that_people_do_not_have(slapd: Slapd) -> None:
    assert outcome(slapd, name_attribute="employeeNumber")[0] == "search"


def test_a_mapped_group_that_is_gone(slapd: Slapd) -> None:
    directory = openldap(slapd)
    map_group(directory, f"cn=gone,{slapd.groups_dn}", make_team("tools"))
    [groups] = [step for step in checks.check(directory).steps if step.name == "groups"]
    assert groups.is_good is False
    assert "cn=gone" in groups.sentence


def test_a_server_that_is_silent(slapd: Slapd) -> None:
    slapd.pause()
    try:
        assert outcome(slapd, timeout=1)[0] == "tls"
    finally:
        slapd.resume()
