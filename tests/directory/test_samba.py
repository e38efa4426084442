"""The Samba domain of the test suite behaves as Active Directory does where the two kinds of directory differ."""

from __future__ import annotations

import ldap
import pytest
from ldap.controls import SimplePagedResultsControl
from ldap.ldapobject import LDAPObject

from tests.servers.ldap_client import connect
from tests.servers.samba import Samba

IN_CHAIN = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_IN_CHAIN, [MS-ADTS] 3.1.1.3.4.4
BIT_AND = "1.2.840.113556.1.4.803"


def _sign_in(samba: Samba, name: str, password: str | None = None) -> LDAPObject:
    connection = connect(samba.uri_ldaps, ca_file=samba.ca_file)
    connection.simple_bind_s(samba.upn(name), samba.password_of(name) if password is None else password)
    return connection


def _found(samba: Samba, expression: str) -> set[str]:
    service = _sign_in(samba, "svc")
    entries = service.search_s(samba.base_dn, ldap.SCOPE_SUBTREE, expression, ["sAMAccountName"])
    return {values["sAMAccountName"][0].decode() for dn, values in entries if dn is not None}


def _groups(samba: Samba, name: str) -> set[str]:
    return _found(samba, f"(&(objectClass=group)(member:{IN_CHAIN}:={samba.dn_of(name)}))")


def _values(samba: Samba, name: str, attribute: str) -> list[bytes]:
    [(_, values)] = _sign_in(samba, "svc").search_s(samba.dn_of(name), ldap.SCOPE_BASE, attrlist=[attribute])
    found: list[bytes] = values.get(attribute, [])
    return found


@pytest.mark.parametrize("start_tls", [False, True])
def test_each_name_of_a_user_signs_in_under_tls(samba: Samba, start_tls: bool) -> None:
    for name in (samba.upn("svc"), samba.down_level_name("svc"), samba.service_dn):
        uri = samba.uri_ldap if start_tls else samba.uri_ldaps
        connection = connect(uri, ca_file=samba.ca_file, start_tls=start_tls)
        connection.simple_bind_s(name, samba.service_password)
        assert connection.search_s(samba.service_dn, ldap.SCOPE_BASE, attrlist=["cn"])[0][1] == {"cn": [b"Svc Example"]}


def test_no_password_is_taken_in_clear(samba: Samba) -> None:
    with pytest.raises(ldap.STRONG_AUTH_REQUIRED):
        connect(samba.uri_ldap).simple_bind_s(samba.service_dn, samba.service_password)


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_certificate_of_another_authority_is_refused(samba: Samba, start_tls: bool) -> None:
    uri = samba.uri_ldap if start_tls else samba.uri_ldaps
    with pytest.raises((ldap.SERVER_DOWN, ldap.CONNECT_ERROR)):
        connect(uri, ca_file=samba.other_ca_file, start_tls=start_tls).simple_bind_s()


def test_an_expired_certificate_is_refused_and_the_next_test_gets_a_good_one(samba: Samba) -> None:
    samba.use_expired_certificate()
    with pytest.raises(ldap.SERVER_DOWN):
        _sign_in(samba, "alice")
    samba.reset()
    _sign_in(samba, "alice")


def test_nobody_reads_without_signing_in(samba: Samba) -> None:
    with pytest.raises(ldap.OPERATIONS_ERROR):
        connect(samba.uri_ldaps, ca_file=samba.ca_file).search_s(samba.people_dn, ldap.SCOPE_SUBTREE)


def test_member_of_tells_the_direct_groups_and_the_chain_all(samba: Samba) -> None:
    assert _values(samba, "alice", "memberOf") == [samba.dn_of("team-a").encode()]
    assert _groups(samba, "alice") == {"team-a", "devs", "pkg-admins"}
    assert _groups(samba, "bob") == {"devs", "pkg-admins"}
    admins = samba.dn_of("pkg-admins")
    assert _found(samba, f"(&(objectClass=user)(memberOf:{IN_CHAIN}:={admins}))") == {"alice", "bob"}


def test_the_chain_follows_the_members(samba: Samba) -> None:
    samba.remove_member("devs", "team-a")
    assert _groups(samba, "alice") == {"team-a"}
    samba.add_member("pkg-admins", "alice")
    assert _groups(samba, "alice") == {"team-a", "pkg-admins"}
    samba.delete("team-a")
    assert _groups(samba, "alice") == {"pkg-admins"}


def test_a_disabled_account_is_refused_and_marked(samba: Samba) -> None:
    with pytest.raises(ldap.INVALID_CREDENTIALS, match="data 533"):
        _sign_in(samba, "carol")
    disabled = f"(&(objectCategory=person)(userAccountControl:{BIT_AND}:=2))"
    assert "carol" in _found(samba, disabled)
    samba.enable("carol")
    samba.disable("alice")
    assert {"alice", "carol"} & _found(samba, disabled) == {"alice"}
    _sign_in(samba, "carol")
    with pytest.raises(ldap.INVALID_CREDENTIALS, match="data 533"):
        _sign_in(samba, "alice")


def test_who_is_renamed_or_moved_keeps_the_guid_and_the_groups(samba: Samba) -> None:
    before = _values(samba, "bob", "objectGUID")
    renamed = samba.rename("bob", "robert")
    assert samba.dn_of("robert") == renamed
    moved = samba.move("robert", samba.leavers_dn)
    assert samba.dn_of("robert") == moved
    assert _values(samba, "robert", "objectGUID") == before
    assert _groups(samba, "robert") == {"devs", "pkg-admins"}
    _sign_in(samba, "robert", samba.password_of("bob"))


def test_a_new_password_counts_at_once(samba: Samba) -> None:
    samba.set_password("alice", "another one")
    _sign_in(samba, "alice", "another one")


def test_new_users_are_gone_after_the_test(samba: Samba) -> None:
    samba.add_user("dora")
    samba.add_group("visitors", "dora")
    _sign_in(samba, "dora")
    assert _groups(samba, "dora") == {"visitors"}
    samba.reset()
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(samba, "dora")


def test_a_deleted_user_is_refused(samba: Samba) -> None:
    samba.delete("bob")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(samba, "bob")
    assert _found(samba, "(sAMAccountName=bob)") == set()


def test_wrong_passwords_lock_an_account_where_the_policy_says_so(samba: Samba) -> None:
    samba.lock_after(2)
    for _ in range(2):
        with pytest.raises(ldap.INVALID_CREDENTIALS):
            _sign_in(samba, "alice", "wrong")
    with pytest.raises(ldap.INVALID_CREDENTIALS, match="data 775"):
        _sign_in(samba, "alice")


def test_sign_ins_are_counted_for_each_account_however_it_is_named(samba: Samba) -> None:
    assert samba.binds("alice") == 0
    _sign_in(samba, "alice")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(samba, "alice", "wrong")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        connect(samba.uri_ldaps, ca_file=samba.ca_file).simple_bind_s(f"CN=Alice Example,{samba.people_dn}", "wrong")
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        _sign_in(samba, "stranger")
    assert (samba.binds("alice"), samba.binds("bob"), samba.binds(samba.upn("stranger"))) == (3, 0, 1)
    samba.reset()
    assert samba.binds("alice") == 0


def test_a_search_is_answered_page_by_page(samba: Samba) -> None:
    service = _sign_in(samba, "svc")
    control = SimplePagedResultsControl(criticality=True, size=3, cookie="")
    asked = service.search_ext(samba.people_dn, ldap.SCOPE_ONELEVEL, "(cn=*)", ["cn"], serverctrls=[control])
    _, entries, _, controls = service.result3(asked)
    [answer] = [one for one in controls if isinstance(one, SimplePagedResultsControl)]
    assert (len(entries), bool(answer.cookie)) == (3, True)


def test_a_paused_server_lets_its_clients_wait(samba: Samba) -> None:
    patient = _sign_in(samba, "alice")
    samba.pause()
    asked = patient.search(samba.service_dn, ldap.SCOPE_BASE)
    with pytest.raises(ldap.TIMEOUT):
        patient.result(asked, timeout=0.1)
    samba.resume()
    assert patient.result(asked)[1][0][0] == samba.service_dn


def test_a_stopped_server_refuses_connections_and_comes_back_with_what_it_held(samba: Samba) -> None:
    samba.add_user("dora")
    samba.stop()
    with pytest.raises(ldap.SERVER_DOWN):
        _sign_in(samba, "dora")
    samba.restart()
    _sign_in(samba, "dora")
