from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.authentication import authenticate
from accounts.domain.actors import Method
from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.verbs import Verb
from accounts.models import Authenticator, BrowserSession, Generation, RecoveryCode, User
from accounts.services import authenticators, one_time_codes, sessions, tokens
from tests import evidence
from tests.factories.factors import SECRET, begun, code, with_factor
from tests.factories.people import actor_of, make_team, make_token, make_user
from tests.threads import together
from tests.wsgi_client import basic
from tpi_site.kit import sealing
from tpi_site.kit.errors import Conflict, Forbidden, Unavailable

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


def set_up(user: User) -> list[str]:
    number = authenticators.begin(actor=actor_of(user), user=user)
    secret = authenticators.being_set_up(user, number)
    return authenticators.confirm(actor=actor_of(user), user=user, number=number, code=code(secret))


def test_an_app_is_set_up_by_a_code_of_it_and_gives_ten_recovery_codes(mia: User) -> None:
    codes = set_up(mia)

    assert len(set(codes)) == 10
    assert authenticators.recovery_codes_left(mia) == 10
    for text in codes:
        assert one_time_codes.verify(user=mia, text=text) == one_time_codes.RECOVERY
    assert authenticators.recovery_codes_left(mia) == 0


def test_neither_secret_nor_codes_stand_in_a_row_or_in_the_log(mia: User) -> None:
    found = evidence.collecting()
    number = authenticators.begin(actor=actor_of(mia), user=mia)
    secret = authenticators.being_set_up(mia, number)
    codes = authenticators.confirm(actor=actor_of(mia), user=mia, number=number, code=code(secret))

    stored = str(evidence.rows()) + str([vars(entry) for entry in found.audit])
    assert secret not in stored
    assert not any(text in stored or text.replace("-", "") in stored for text in codes)
    assert found.actions == ["factor.begin", "factor.confirm"]


def test_a_sealed_secret_opens_in_no_other_account(mia: User) -> None:
    row = with_factor(mia)
    thief = with_factor(make_user())
    Authenticator.objects.filter(pk=thief.pk).update(secret=row.secret)
    thief.refresh_from_db()
    with pytest.raises(Unavailable):
        sealing.unseal(thief.secret, one_time_codes.purpose(thief.user))


def test_the_code_that_confirmed_does_not_sign_in(mia: User) -> None:
    row = begun(mia)
    used = code()
    authenticators.confirm(actor=actor_of(mia), user=mia, number=row.pk, code=used)
    with pytest.raises(Exception, match="code is wrong"):
        one_time_codes.verify(user=mia, text=used)


@pytest.mark.parametrize("text", ["000000", "", "abc", "12345678"])
def test_a_wrong_code_confirms_nothing(mia: User, text: str) -> None:
    row = begun(mia)
    with evidence.refused("code-wrong"):
        authenticators.confirm(actor=actor_of(mia), user=mia, number=row.pk, code=text)


def test_the_old_app_works_until_the_new_one_is_confirmed(mia: User) -> None:
    with_factor(mia)
    number = authenticators.begin(actor=actor_of(mia), user=mia)
    assert one_time_codes.verify(user=mia, text=code(SECRET, -1)) == one_time_codes.APP
    secret = authenticators.being_set_up(mia, number)
    authenticators.confirm(actor=actor_of(mia), user=mia, number=number, code=code(secret))

    assert Authenticator.objects.get(user=mia).pk == number
    with pytest.raises(Exception, match="code is wrong"):
        one_time_codes.verify(user=mia, text=code(SECRET, 1))
    assert one_time_codes.verify(user=mia, text=code(secret, 1)) == one_time_codes.APP


def test_replacing_keeps_the_recovery_codes(mia: User) -> None:
    codes = set_up(mia)
    assert set_up(mia) == []
    assert one_time_codes.verify(user=mia, text=codes[0]) == one_time_codes.RECOVERY


def test_a_secret_that_waited_too_long_or_was_begun_anew_is_over(mia: User) -> None:
    row = begun(mia)
    Authenticator.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=2))
    assert authenticators.being_set_up(mia, row.pk) == ""
    with evidence.refused("factor-none"):
        authenticators.confirm(actor=actor_of(mia), user=mia, number=row.pk, code=code())

    number = authenticators.begin(actor=actor_of(mia), user=mia)
    authenticators.begin(actor=actor_of(mia), user=mia)
    assert authenticators.being_set_up(mia, number) == ""


def test_a_secret_is_shown_only_to_who_began_it(mia: User) -> None:
    number = authenticators.begin(actor=actor_of(mia), user=mia)
    assert authenticators.being_set_up(make_user(), number) == ""
    assert authenticators.being_set_up(mia, number + 1) == ""


def test_confirming_and_removing_end_the_sessions_elsewhere(mia: User) -> None:
    here, _ = sessions.begin(user=mia, address="", browser="")
    sessions.begin(user=mia, address="", browser="")
    row = begun(mia)
    authenticators.confirm(actor=actor_of(mia), user=mia, number=row.pk, code=code(), keep=here)
    assert list(BrowserSession.objects.all()) == [here]

    sessions.begin(user=mia, address="", browser="")
    authenticators.remove(actor=actor_of(mia), user=mia, keep=here)
    assert list(BrowserSession.objects.all()) == [here]
    assert not Authenticator.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_a_remembered_password_is_forgotten_when_a_factor_comes(mia: User) -> None:
    def generation() -> int:
        return Generation.objects.get(name="access").value

    make_token(mia)
    header = basic("mia", "correct horse battery staple")["Authorization"]
    assert authenticate(header).user_id == mia.pk
    row = begun(mia)
    authenticators.confirm(actor=actor_of(mia), user=mia, number=row.pk, code=code())
    before = generation()
    with pytest.raises(Forbidden):
        authenticate(header)
    authenticators.remove(actor=actor_of(mia), user=mia)
    assert generation() == before + 1
    assert authenticate(header).user_id == mia.pk


def test_who_must_have_a_factor_replaces_it_but_does_not_remove_it(mia: User, settings: object) -> None:
    settings.TPI_SECOND_FACTOR = "everybody"  # type: ignore[attr-defined]
    with_factor(mia)
    with evidence.refused("factor-required"):
        authenticators.remove(actor=actor_of(mia), user=mia)


def test_a_security_officer_takes_a_lost_factor_away_and_others_do_not(mia: User) -> None:
    with_factor(mia)
    stranger, officer = actor_of(make_user()), make_user()
    with evidence.refused("right-missing"):
        authenticators.remove(actor=stranger, user=mia)
    officer.instance_roles = roles_to_mask([InstanceRole.SECURITY_OFFICER])
    authenticators.remove(actor=actor_of(officer), user=mia)
    with evidence.refused("factor-none"):
        authenticators.remove(actor=actor_of(officer), user=mia)


def test_an_administrator_sets_nothing_up_for_others(mia: User) -> None:
    root = make_user(is_superuser=True)
    row = begun(mia)
    for call in (
        lambda: authenticators.begin(actor=actor_of(root), user=mia),
        lambda: authenticators.confirm(actor=actor_of(root), user=mia, number=row.pk, code=code()),
        lambda: authenticators.renew_recovery_codes(actor=actor_of(root), user=mia),
    ):
        with evidence.refused("token-scope"):
            call()


def test_a_token_touches_no_factor(mia: User) -> None:
    with_factor(mia)
    actor = tokens.recognise(make_token(mia, [Verb.ADMINISTER])[1])
    assert actor is not None
    with evidence.refused("token-scope"):
        authenticators.remove(actor=actor, user=mia)


def test_new_recovery_codes_void_the_old_ones_and_need_an_app(mia: User) -> None:
    with evidence.refused("factor-none"):
        authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    old = set_up(mia)
    new = authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    assert not {*old} & {*new}
    with pytest.raises(Exception, match="code is wrong"):
        one_time_codes.verify(user=mia, text=old[0])
    assert one_time_codes.verify(user=mia, text=new[0]) == one_time_codes.RECOVERY


def test_a_service_account_has_no_factor(db: None) -> None:
    robot = User.objects.create(username="robot", kind=User.Kind.SERVICE, service_team=make_team())
    with evidence.refused("service-account"):
        authenticators.begin(actor=robot.actor(Method.PASSWORD), user=robot)


@pytest.mark.django_db(transaction=True)
def test_of_two_confirmations_at_once_one_takes_effect() -> None:
    mia = make_user("mia")
    number, text = begun(mia).pk, code()
    answers = together([lambda: authenticators.confirm(actor=actor_of(mia), user=mia, number=number, code=text)] * 2)
    assert len([answer for answer in answers if isinstance(answer, list)]) == 1
    assert len([answer for answer in answers if isinstance(answer, Conflict)]) == 1
    assert authenticators.recovery_codes_left(mia) == 10


@pytest.mark.django_db(transaction=True)
def test_of_many_who_begin_or_renew_at_once_the_last_one_holds() -> None:
    mia = make_user("mia")
    with_factor(mia)
    numbers = together([lambda: authenticators.begin(actor=actor_of(mia), user=mia)] * 4)
    assert Authenticator.objects.get(user=mia, confirmed_at=None).pk == max(map(int, map(str, numbers)))
    together([lambda: authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)] * 4)
    assert authenticators.recovery_codes_left(mia) == 10
