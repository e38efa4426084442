from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection

from accounts.models import Alarm, Authenticator, RecoveryCode, SignInMark, User
from accounts.services import one_time_codes
from tests import evidence
from tests.architecture.source import ROOT
from tests.factories.factors import SECRET, code, with_factor
from tests.factories.people import make_user
from tests.plugins import process_memory
from tests.threads import together
from tpi_site.kit.errors import Refusal, Throttled, Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def mia(db: None) -> User:
    user = make_user("mia")
    with_factor(user)
    return user


def refused(user: User, text: str, expected: str = "code-wrong") -> Refusal:
    with pytest.raises((Unauthenticated, Throttled)) as caught:
        one_time_codes.verify(user=user, text=text)
    assert caught.value.code == expected
    return caught.value


def pass_time(seconds: int) -> None:
    for row in SignInMark.objects.all():
        SignInMark.objects.filter(pk=row.pk).update(until=row.until - timedelta(seconds=seconds))


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_the_apps_code_is_taken_with_a_clock_that_is_a_little_wrong(mia: User, steps: int) -> None:
    assert one_time_codes.verify(user=mia, text=code(steps=steps)) == one_time_codes.APP


@pytest.mark.parametrize("steps", [-4, 4])
def test_a_code_of_another_time_is_not(mia: User, steps: int) -> None:
    refused(mia, code(steps=steps))


WRITTEN = (
    "{}{}{}{}{}{}",
    "{}{}{} {}{}{}",
    " {}{}{}{}{}{} ",
    "{}-{}-{}-{}-{}-{}",
    "{}{}{}\u2011{}{}{}",
    "{}{}{}\u00a0{}{}{}",
    "{}{}{}\u2009{}{}{}",
    "\t{}{}{}{}{}{}\r\n",
    "{} {} {} {} {} {}",
)


@pytest.mark.parametrize("first", WRITTEN)
def test_a_code_is_taken_once_however_it_is_written(mia: User, first: str) -> None:
    used = code()
    one_time_codes.verify(user=mia, text=first.format(*used))
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in used)
    for again in (*(form.format(*used) for form in WRITTEN), full_width):
        refused(mia, again)
        process_memory.forget()
        SignInMark.objects.all().delete()


def test_with_a_code_those_before_it_are_over_too(mia: User) -> None:
    earlier, now, later = code(steps=-1), code(), code(steps=1)
    one_time_codes.verify(user=mia, text=now)
    refused(mia, earlier)
    assert one_time_codes.verify(user=mia, text=later) == one_time_codes.APP


def test_somebody_elses_code_is_worth_nothing(mia: User) -> None:
    other = make_user("other")
    with_factor(other, "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")
    refused(other, code(SECRET))


def test_an_authenticator_that_is_being_set_up_is_worth_nothing(mia: User) -> None:
    Authenticator.objects.filter(user=mia).update(confirmed_at=None)
    refused(mia, code())


def test_a_recovery_code_is_good_once_and_its_use_is_written_down(mia: User) -> None:
    digest = one_time_codes.recovery_digest(mia, "abcd-efgh-jkmn")
    RecoveryCode.objects.create(user=mia, digest=digest)
    other = make_user("other")
    found = evidence.collecting()

    refused(other, "abcd-efgh-jkmn")
    assert one_time_codes.verify(user=mia, text=" ABCD efgh jkmn") == one_time_codes.RECOVERY
    refused(mia, "abcd-efgh-jkmn")
    assert found.actions == ["sign-in", "factor.use-recovery-code", "sign-in"]
    assert found.audit[1].detail == {"left": 0}
    assert "jkmn" not in digest


def test_a_wrong_code_is_written_down_without_it(mia: User) -> None:
    found = evidence.collecting()
    refused(mia, "wrong-code-here")
    [entry] = found.audit
    assert (entry.action, entry.outcome, entry.object_name, entry.actor_id) == ("sign-in", "refused", "mia", None)
    assert "wrong" not in str(entry.detail)


def test_all_that_is_wrong_is_refused_in_the_same_words(mia: User) -> None:
    used = code()
    one_time_codes.verify(user=mia, text=used)
    sentences = {refused(mia, text).detail for text in ("000000", used, "no such recovery code", "")}
    assert len(sentences) == 1


def test_five_wrong_codes_are_looked_at_and_then_even_the_right_one_waits(mia: User) -> None:
    for _ in range(5):
        refused(mia, "000000")
    throttled = refused(mia, code(), "code-throttled")
    assert isinstance(throttled, Throttled)
    assert throttled.retry_after == 300

    pass_time(301)
    assert one_time_codes.verify(user=mia, text=code()) == one_time_codes.APP


def test_what_is_refused_unseen_does_not_draw_the_wait_out(mia: User) -> None:
    for _ in range(5):
        refused(mia, "000000")
    for _ in range(50):
        refused(mia, "000000", "code-throttled")
    pass_time(301)
    assert one_time_codes.verify(user=mia, text=code()) == one_time_codes.APP


def test_right_codes_do_not_give_a_guesser_new_attempts(mia: User) -> None:
    for _ in range(4):
        refused(mia, "000000")
    one_time_codes.verify(user=mia, text=code())
    refused(mia, "000000")
    refused(mia, "000000", "code-throttled")


def test_an_hour_and_a_day_have_limits_of_their_own_and_somebody_is_told(mia: User) -> None:
    looked_at = 0
    for _ in range(12 * 5):  # every five minutes of five hours
        for _ in range(6):
            with pytest.raises((Unauthenticated, Throttled)) as caught:
                one_time_codes.verify(user=mia, text="000000")
            looked_at += isinstance(caught.value, Unauthenticated)
        pass_time(300)
    assert looked_at == 50
    assert Alarm.objects.get(code="codes-guessed").subject == "mia"


def test_limits_are_each_accounts_own(mia: User) -> None:
    other = make_user("other")
    with_factor(other)
    for _ in range(5):
        refused(mia, "000000")
    assert one_time_codes.verify(user=other, text=code()) == one_time_codes.APP


@pytest.mark.django_db(transaction=True)
def test_of_two_who_bring_one_code_at_the_same_moment_one_gets_in() -> None:
    mia = make_user("mia")
    with_factor(mia)
    text = code()
    answers = together([lambda: one_time_codes.verify(user=mia, text=text)] * 4)
    assert sorted(map(str, answers)).count(one_time_codes.APP) == 1
    assert len([answer for answer in answers if isinstance(answer, Unauthenticated)]) == 3


_GUESSING = """
import django; django.setup()
from accounts.models import User
from accounts.services import one_time_codes
from tpi_site.kit.errors import Throttled, Unauthenticated
looked_at, user = 0, User.objects.get(username="mia")
for _ in range(12):
    try:
        one_time_codes.verify(user=user, text="000000")
    except Unauthenticated:
        looked_at += 1
    except Throttled:
        pass
print(looked_at)
"""


@pytest.mark.django_db(transaction=True)
def test_guessers_in_several_processes_share_one_limit() -> None:
    with_factor(make_user("mia"))
    command = [sys.executable, "-c", _GUESSING]
    running = [
        subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    looked_at = [int(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sum(looked_at) == 5


def _environment() -> dict[str, str]:
    """Another node of this installation: the same database and secrets."""
    known: Any = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{known['NAME']}"
    else:
        address = f"postgres://{known['USER']}@{quote(known['HOST'], safe='')}/{known['NAME']}"
    own = {
        "DJANGO_SETTINGS_MODULE": "tpi_site.settings.base",
        "TPI_DATA_DIR": str(django_settings.TPI_DATA_DIR),
        "TPI_DATABASE_URL": address,
    }
    return {**os.environ, **own}
