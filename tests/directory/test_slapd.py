"""The OpenLDAP of the test suite is as strict as one that a company runs, and tells what was asked of it."""

from __future__ import annotations

from collections.abc import Callable

import ldap
import pytest
from ldap.controls import SimplePagedResultsControl
from ldap.ldapobject import LDAPObject

from tests.servers import processes
from tests.servers.ldap_client import connect
from tests.servers.slapd import SIZE_LIMIT, Slapd


def _sign_in(slapd: Slapd, uid: str, password: str | None = None) -> LDAPObject:
    connection = connect(slapd.uri_ldaps, ca_file=slapd.ca_file)
    connection.simple_bind_s(slapd.person_dn(uid), slapd.password_of(uid) if password is None else password)
    return connection


def _values(connection: LDAPObject, dn: str, attribute: str) -> set[str]:
    [(_, found)] = connection.search_s(dn, ldap.SCOPE_BASE, attrlist=[attribute])
    return {value.decode() for value in found.get(attribute, [])}


def test_start_tls_protects_a_sign_in(slapd: Slapd) -> None:
    connection = connect(slapd.uri_ldap, ca_file=slapd.ca_file, start_tls=True)
    connection.simple_bind_s(slapd.service_dn, slapd.service_password)
    assert connection.whoami_s() == f"dn:{slapd.service_dn}"


def test_ldaps_protects_a_sign_in(slapd: Slapd) -> None:
    connection = connect(slapd.uri_ldaps, ca_file=slapd.ca_file)
    connection.simple_bind_s(slapd.service_dn, slapd.service_password)
    assert connection.whoami_s() == f"dn:{slapd.service_dn}"


def test_no_password_is_taken_in_clear(slapd: Slapd) -> None:
    with pytest.raises(ldap.CONFIDENTIALITY_REQUIRED):
        connect(slapd.uri_ldap).simple_bind_s(slapd.service_dn, slapd.service_password)


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_certificate_of_another_authority_is_refused(slapd: Slapd, start_tls: bool) -> None:
    uri = slapd.uri_ldap if start_tls else slapd.uri_ldaps
    with pytest.raises((ldap.SERVER_DOWN, ldap.CONNECT_ERROR)):
        connect(uri, ca_file=slapd.other_ca_file, start_tls=start_tls).simple_bind_s()


@pytest.mark.parametrize("spoil", [Slapd.use_expired_certificate, Slapd.use_certificate_of_another_host])
def test_a_wrong_certificate_is_refused_and_the_next_test_gets_a_good_one(
    slapd: Slapd, spoil: Callable[[Slapd], None]
) -> None:
    spoil(slapd)
    with pytest.raises(ldap.SERVER_DOWN):
        _sign_in(slapd, "alice")
    slapd.reset()
    assert _sign_in(slapd, "alice").whoami_s() == f"dn:{slapd.person_dn('alice')}"


def test_nobody_reads_without_signing_in(slapd: Slapd) -> None:
    anonymous = connect(slapd.uri_ldaps, ca_file=slapd.ca_file)
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        anonymous.search_s(slapd.people_dn, ldap.SCOPE_SUBTREE)


def test_nobody_reads_a_password(slapd: Slapd) -> None:
    service = _sign_in(slapd, "svc")
    assert _values(service, slapd.person_dn("alice"), "userPassword") == set()
    assert _values(service, slapd.service_dn, "userPassword") == set()


@pytest.mark.parametrize("password", ["wrong", "the password of bob"])
def test_a_wrong_password_is_refused(slapd: Slapd, password: str) -> None:
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(slapd, "alice", password)


def test_member_of_follows_the_groups(slapd: Slapd) -> None:
    service = _sign_in(slapd, "svc")
    devs = slapd.group_dn("devs")
    assert _values(service, slapd.person_dn("bob"), "memberOf") == {devs}
    assert _values(service, slapd.group_dn("team-a"), "memberOf") == {devs}
    slapd.set_members("devs", ["alice", "cn=team-a"])
    assert _values(service, slapd.person_dn("bob"), "memberOf") == set()
    assert _values(service, slapd.person_dn("alice"), "memberOf") == {devs, slapd.group_dn("team-a")}


def test_a_group_may_lose_all_its_members(slapd: Slapd) -> None:
    slapd.set_members("team-a", [])
    service = _sign_in(slapd, "svc")
    assert _values(service, slapd.person_dn("alice"), "memberOf") == set()
    assert not _values(service, slapd.group_dn("team-a"), "member") & {slapd.person_dn("alice")}


def test_groups_follow_who_is_renamed_and_forget_who_is_deleted(slapd: Slapd) -> None:
    service = _sign_in(slapd, "svc")
    before = _values(service, slapd.person_dn("bob"), "entryUUID")
    renamed = slapd.rename(slapd.person_dn("bob"), "uid=robert")
    assert _values(service, renamed, "entryUUID") == before
    assert renamed in _values(service, slapd.group_dn("devs"), "member")
    slapd.delete(renamed)
    assert _values(service, slapd.group_dn("devs"), "member") == {slapd.group_dn("team-a")}


def test_new_people_and_groups_are_gone_after_the_test(slapd: Slapd) -> None:
    dn = slapd.add_person("dora", mail="dora@elsewhere.example")
    group = slapd.add_group("guests", ["dora"])
    service = _sign_in(slapd, "dora")
    assert _values(service, dn, "mail") == {"dora@elsewhere.example"}
    assert _values(service, dn, "memberOf") == {group}
    slapd.reset()
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(slapd, "dora")


def test_a_locked_account_is_refused_until_it_is_unlocked(slapd: Slapd) -> None:
    slapd.lock("alice")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(slapd, "alice")
    slapd.unlock("alice")
    _sign_in(slapd, "alice")


def test_wrong_passwords_lock_an_account_where_the_policy_says_so(slapd: Slapd) -> None:
    slapd.lock_after(2)
    for _ in range(2):
        with pytest.raises(ldap.INVALID_CREDENTIALS):
            _sign_in(slapd, "alice", "wrong")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(slapd, "alice")


def test_sign_ins_are_counted_for_each_name(slapd: Slapd) -> None:
    alice, bob = slapd.person_dn("alice"), slapd.person_dn("bob")
    assert slapd.binds(alice) == 0
    _sign_in(slapd, "alice")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(slapd, "alice", "wrong")
    assert (slapd.binds(alice), slapd.binds(alice.upper()), slapd.binds(bob)) == (2, 2, 0)
    slapd.reset()
    assert slapd.binds(alice) == 0


def test_a_crowd_is_read_page_by_page_only(slapd: Slapd) -> None:
    crowd = slapd.load(people=1200, groups=30)
    service = _sign_in(slapd, "svc")
    with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
        service.search_s(slapd.people_dn, ldap.SCOPE_ONELEVEL, "(uid=*)", ["uid"])
    pages = _pages(service, slapd.people_dn, "uid")
    assert [len(page) for page in pages] == [SIZE_LIMIT, SIZE_LIMIT, 204]
    assert {uid for page in pages for uid in page} == {*crowd.uids(), "alice", "bob", "carol", "svc"}


def _pages(connection: LDAPObject, base: str, attribute: str) -> list[list[str]]:
    pages: list[list[str]] = []
    cookie = b""
    while not pages or cookie:
        control = SimplePagedResultsControl(criticality=True, size=SIZE_LIMIT, cookie=cookie)
        asked = connection.search_ext(base, ldap.SCOPE_ONELEVEL, f"({attribute}=*)", [attribute], serverctrls=[control])
        _, entries, _, controls = connection.result3(asked)
        pages.append([values[attribute][0].decode() for _, values in entries])
        [cookie] = [answer.cookie for answer in controls if isinstance(answer, SimplePagedResultsControl)]
    return pages


def test_a_crowd_has_nested_groups_a_ring_and_the_memberships_that_the_overlay_would_write(slapd: Slapd) -> None:
    slapd.load(people=60, groups=30)
    service = _sign_in(slapd, "svc")
    assert slapd.group_dn("g004") in _values(service, slapd.group_dn("g005"), "member")
    assert slapd.group_dn("g029") in _values(service, slapd.group_dn("g020"), "member")
    assert _values(service, slapd.person_dn("p00035"), "memberOf") == {slapd.group_dn("g005")}
    assert _values(service, slapd.group_dn("g004"), "memberOf") == {slapd.group_dn("g005")}
    slapd.set_members("g005", ["p00001"])
    assert _values(service, slapd.group_dn("g004"), "memberOf") == set()


def test_a_paused_server_lets_its_clients_wait(slapd: Slapd) -> None:
    patient = _sign_in(slapd, "alice")
    slapd.pause()
    assert processes.is_paused(slapd.pid)
    asked = patient.search(slapd.person_dn("alice"), ldap.SCOPE_BASE)
    with pytest.raises(ldap.TIMEOUT):
        patient.result(asked, timeout=0.1)
    slapd.resume()
    [(dn, _)] = patient.result(asked)[1]
    assert dn == slapd.person_dn("alice")


def test_a_paused_server_is_as_before_in_the_next_test(slapd: Slapd) -> None:
    slapd.pause()
    slapd.reset()
    _sign_in(slapd, "alice")


def test_a_stopped_server_refuses_connections_and_comes_back_with_what_it_held(slapd: Slapd) -> None:
    slapd.add_person("dora")
    slapd.stop()
    with pytest.raises(ldap.SERVER_DOWN):
        _sign_in(slapd, "dora")
    slapd.restart()
    _sign_in(slapd, "dora")
