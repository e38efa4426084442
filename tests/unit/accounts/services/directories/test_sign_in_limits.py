"""How many passwords of a person a directory is given."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import Alarm, AuditEntry, Directory, SignInMark, VerifiedPassword
from accounts.services.directories import budgets
from tests.factories.directories import openldap
from tests.factories.people import PASSWORD, make_user
from tests.threads import together
from tests.unit.accounts.services.directories.signing_in import HERE, enter, forget_pairs, refused
from tpi_site.kit import gauges
from tpi_site.kit.errors import Refusal

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_wrong_password_in_a_loop_costs_the_directory_one_bind(slapd: Slapd, corp: Directory) -> None:
    slapd.lock_after(3)
    for _ in range(8):
        assert refused("alice", "wrong") == "password-wrong"
    assert slapd.binds(slapd.person_dn("alice")) == 1
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_many_wrong_passwords_stop_before_the_directory_is_asked(slapd: Slapd, corp: Directory) -> None:
    codes = [refused("alice", f"wrong {number}") for number in range(8)]
    assert codes == ["password-wrong"] * 5 + ["sign-in-throttled"] * 3
    assert slapd.binds(slapd.person_dn("alice")) == 5


def test_wrong_passwords_from_many_addresses_are_counted_for_the_account(slapd: Slapd, corp: Directory) -> None:
    codes = [refused("alice", f"wrong {number}", f"192.0.2.{number}") for number in range(20)]
    assert codes == ["password-wrong"] * 15 + ["sign-in-throttled"] * 5


def test_a_remembered_password_does_not_outrun_the_limit(slapd: Slapd, corp: Directory, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    enter("alice", slapd.password_of("alice"), HERE)
    for number in range(5):
        refused("alice", f"wrong {number}", "192.0.2.66")
    assert refused("alice", slapd.password_of("alice"), "192.0.2.66") == "sign-in-throttled"
    assert enter("alice", slapd.password_of("alice"), HERE).username == "alice"


def guess(name: str, *, addresses: int) -> list[str]:
    return [refused(name, f"guess {number}", f"198.51.100.{number}") for number in range(addresses)]


def test_all_names_of_a_person_share_one_budget(slapd: Slapd) -> None:
    openldap(slapd, name_attribute="uid,mail")
    slapd.lock_after(6)
    codes = [refused(name, f"{name} {number}") for number in range(4) for name in ("alice", "alice@tpi.example")]
    assert codes == ["password-wrong"] * 8
    assert slapd.binds(slapd.person_dn("alice")) == 5

    SignInMark.objects.all().delete()
    assert enter("alice@tpi.example", slapd.password_of("alice")).username == "alice"


def test_a_right_password_that_was_held_back_is_not_remembered_as_wrong(slapd: Slapd) -> None:
    openldap(slapd, name_attribute="uid,mail")
    for number in range(5):
        refused("alice", f"wrong {number}")
    assert refused("alice@tpi.example", slapd.password_of("alice")) == "password-wrong"

    SignInMark.objects.filter(count__gte=5).delete()  # the budget's time is over
    assert enter("alice@tpi.example", slapd.password_of("alice")).username == "alice"


def test_right_passwords_use_nothing_up(slapd: Slapd, corp: Directory) -> None:
    for _ in range(8):
        enter("alice", slapd.password_of("alice"))
        VerifiedPassword.objects.all().delete()


def test_strangers_cannot_shut_a_person_out_where_they_came_in_lately(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"), HERE)
    guess("alice", addresses=20)
    forget_pairs()

    assert enter("alice", slapd.password_of("alice"), HERE).username == "alice"
    assert refused("alice", slapd.password_of("alice"), "203.0.113.9") == "sign-in-throttled"


def test_the_other_names_of_a_person_are_let_in_there_too(slapd: Slapd) -> None:
    openldap(slapd, name_attribute="uid,mail")
    enter("alice", slapd.password_of("alice"), HERE)
    guess("alice", addresses=20)
    assert enter("alice@tpi.example", slapd.password_of("alice"), HERE).username == "alice"


def test_a_known_place_has_its_own_budget_and_no_more(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"), HERE)
    codes = [refused("alice", f"wrong {number}") for number in range(8)]
    assert codes == ["password-wrong"] * 5 + ["sign-in-throttled"] * 3
    assert slapd.binds(slapd.person_dn("alice")) == 6
    assert guess("alice", addresses=16) == ["password-wrong"] * 15 + ["sign-in-throttled"]


def test_a_place_is_not_known_for_ever(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"), HERE)
    guess("alice", addresses=20)
    SignInMark.objects.filter(until__gt=_in_a_day()).delete()
    forget_pairs()
    assert refused("alice", slapd.password_of("alice"), HERE) == "sign-in-throttled"


def _in_a_day() -> datetime:
    return timezone.now() + timedelta(days=1)


@pytest.mark.parametrize("name", ["alice", "local"])
def test_operators_are_told_once_that_an_account_is_guessed_at(slapd: Slapd, corp: Directory, name: str) -> None:
    make_user("local")
    guess(name, addresses=14)
    assert not Alarm.objects.exists()
    guess(name, addresses=14)  # the same guesses again
    assert not Alarm.objects.exists()
    guess(name, addresses=30)
    alarm = Alarm.objects.get()
    assert (alarm.code, alarm.subject, alarm.count) == ("password-guessed", name, 1)
    assert budgets.figures() == {(): 1.0}
    assert "tpi_password_guessed 1.0" in gauges.text().decode()


def test_names_that_nobody_has_ring_nothing(slapd: Slapd, corp: Directory) -> None:
    guess("nobody", addresses=30)
    assert not Alarm.objects.exists()
    assert "nobody" not in str(list(AuditEntry.objects.values()))


def test_a_local_account_comes_in_when_nothing_is_left(slapd: Slapd, corp: Directory) -> None:
    make_user("local")
    codes = [refused("local", f"wrong {number}") for number in range(7)]
    assert codes == ["password-wrong"] * 5 + ["sign-in-throttled"] * 2
    assert enter("local", PASSWORD).username == "local"


def test_what_is_counted_where_nothing_is_left_still_ends_in_the_limit_of_the_address(
    slapd: Slapd, corp: Directory, settings: Any
) -> None:
    settings.TPI_SIGN_IN_FAILURES = 7
    make_user("local")
    for number in range(7):
        refused("local", f"wrong {number}")
    assert refused("local", PASSWORD) == "sign-in-throttled"


def test_without_a_directory_nothing_is_held_back(db: None) -> None:
    make_user("local")
    assert [refused("local", f"wrong {number}") for number in range(9)] == ["password-wrong"] * 9


@pytest.mark.django_db(transaction=True)
def test_a_burst_of_guesses_by_several_names_finds_no_gap(slapd: Slapd) -> None:
    openldap(slapd, name_attribute="uid,mail")
    names = ("alice", "alice@tpi.example") * 6
    calls = [partial(enter, name, f"guess {number}") for number, name in enumerate(names)]
    assert all(isinstance(answer, Refusal) for answer in together(calls))
    assert slapd.binds(slapd.person_dn("alice")) <= 5
