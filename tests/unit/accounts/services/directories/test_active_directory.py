"""Sign-in and sync against a Samba Active Directory domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.models import Directory, Membership, SignInMark, Team, Token, User, VerifiedPassword
from accounts.services import passwords
from accounts.services.directories import sync
from accounts.services.directories.checks import check
from tests.factories.directories import active_directory, host, map_group
from tests.factories.people import SYSTEM, make_token
from tpi_site.kit.errors import Throttled, Unauthenticated

if TYPE_CHECKING:
    from tests.servers.samba import Samba

pytestmark = [pytest.mark.django_db]


def enter(name: str, password: str) -> str:
    return passwords.verify(username=name, password=password, address="192.0.2.1").username


def forget_sign_ins() -> None:
    VerifiedPassword.objects.all().delete()
    SignInMark.objects.all().delete()


@pytest.fixture
def ad(samba: Samba, tools: Team) -> Directory:
    directory = active_directory(samba)
    map_group(directory, samba.dn_of("pkg-admins"), tools, "maintainer")
    return directory


def test_both_names_of_a_person_are_one_account_and_one_bind_each(samba: Samba, ad: Directory) -> None:
    for _ in range(3):
        assert enter("alice", samba.password_of("alice")) == "alice"
        assert enter(samba.upn("alice"), samba.password_of("alice")) == "alice"
    assert User.objects.filter(directory=ad).count() == 1
    assert samba.binds("alice") == 2


def test_the_chain_of_groups_gives_the_place(samba: Samba, ad: Directory, tools: Team) -> None:
    enter("alice", samba.password_of("alice"))
    assert Membership.objects.get(team=tools).role == "maintainer"
    samba.remove_member("devs", "team-a")
    forget_sign_ins()
    enter("alice", samba.password_of("alice"))
    assert not Membership.objects.filter(team=tools).exists()


def test_a_disabled_account_does_not_come_in(samba: Samba, ad: Directory) -> None:
    with pytest.raises(Unauthenticated):
        enter("carol", samba.password_of("carol"))
    assert samba.binds("carol") == 0


def test_direct_bind_by_principal_name(samba: Samba) -> None:
    active_directory(samba, bind="direct", user_template=samba.upn("%(user)s"), bind_dn="", bind_password="")
    assert enter("alice", samba.password_of("alice")) == "alice"
    with pytest.raises(Unauthenticated):
        enter("alice", "wrong")


def test_start_tls(samba: Samba) -> None:
    active_directory(samba, hosts=host(samba.uri_ldap), security="starttls")
    assert enter("bob", samba.password_of("bob")) == "bob"


def test_a_sync_follows_the_directory(samba: Samba, ad: Directory, tools: Team) -> None:
    done = sync.run(actor=SYSTEM, directory=ad)
    assert {row.user.username for row in tools.memberships.all()} == {"alice", "bob"}
    assert done.added == 2
    token, _ = make_token(User.objects.get(username="alice"))
    samba.disable("alice")
    samba.remove_member("devs", "bob")

    done = sync.run(actor=SYSTEM, directory=ad)

    alice = User.objects.get(username="alice")
    assert (alice.is_active, Token.objects.get(pk=token.pk).revoked_at is None) == (False, False)
    assert not tools.memberships.exists()
    assert User.objects.get(username="bob").is_active
    assert (done.removed, done.memberships_removed) == (1, 2)


@pytest.mark.parametrize("how", ["move", "delete", "rename"])
def test_moved_deleted_and_renamed_people(samba: Samba, ad: Directory, how: str) -> None:
    sync.run(actor=SYSTEM, directory=ad)
    key = User.objects.get(username="alice").directory_key
    if how == "move":
        samba.move("alice", samba.leavers_dn)
    elif how == "delete":
        samba.delete("alice")
    else:
        samba.rename("alice", "alicia")

    sync.run(actor=SYSTEM, directory=ad)

    alice = User.objects.get(directory_key=key)
    assert (alice.username, alice.is_active) == (("alicia", True) if how == "rename" else ("alice", False))


def test_the_check_of_a_directory_that_is_in_order(samba: Samba, ad: Directory) -> None:
    steps = check(ad, "alice").steps
    assert [(step.name, step.is_good) for step in steps] == [
        (name, True) for name in ("connect", "tls", "bind", "search", "groups")
    ]
    assert "3 groups" in steps[-1].sentence


def test_wrong_passwords_do_not_lock_the_account_there(samba: Samba, ad: Directory) -> None:
    samba.lock_after(6)
    for number in range(12):
        with pytest.raises((Unauthenticated, Throttled)):
            enter("alice", f"wrong {number}")
    SignInMark.objects.all().delete()
    assert enter("alice", samba.password_of("alice")) == "alice"


def test_the_names_of_one_person_do_not_lock_the_account_there_together(samba: Samba, ad: Directory) -> None:
    samba.lock_after(6)
    for number in range(6):
        for name in ("alice", samba.upn("alice"), "ALICE"):
            with pytest.raises((Unauthenticated, Throttled)):
                enter(name, f"wrong {number}")
    assert samba.binds("alice") == 5
    SignInMark.objects.all().delete()
    assert enter("alice", samba.password_of("alice")) == "alice"


def test_where_people_bind_directly_their_names_share_the_number(samba: Samba) -> None:
    active_directory(samba, bind="direct", user_template=samba.upn("%(user)s"), bind_dn="", bind_password="")
    samba.set_attribute("alice", "userPrincipalName", samba.upn("a.smith"))
    samba.lock_after(6)
    for number in range(6):
        for name in ("alice", "a.smith"):
            with pytest.raises((Unauthenticated, Throttled)):
                enter(name, f"wrong {number}")
    assert samba.binds("alice") == 4
    SignInMark.objects.all().delete()
    assert enter("alice", samba.password_of("alice")) == "alice"


def test_who_binds_by_a_name_that_the_search_does_not_know_is_nobody_and_no_fault(samba: Samba) -> None:
    ad = active_directory(samba, bind="direct", user_template=samba.upn("%(user)s"), bind_dn="", bind_password="")
    samba.set_attribute("alice", "userPrincipalName", samba.upn("a.smith"))
    with pytest.raises(Unauthenticated):
        enter("a.smith", samba.password_of("alice"))
    ad.refresh_from_db()
    assert ad.failing_since is None
