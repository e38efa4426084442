from __future__ import annotations

from contextlib import suppress

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password

from accounts.models import AuditEntry, Token, User
from accounts.services import users
from indexapp.models import File, Role
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, make_token, make_user
from tests.factories.publishing import published
from tpi_site.kit.errors import Forbidden, Throttled

pytestmark = [pytest.mark.database, pytest.mark.django_db]

GOOD = "a long enough passphrase"


def test_an_account_with_a_password(cast: Cast) -> None:
    user = users.create(actor=cast.actor("administrator"), username="nina", email="nina@tpi.example", password=GOOD)
    stored = User.objects.get(username="nina")
    assert stored == user
    assert check_password(GOOD, stored.password)
    assert (stored.is_superuser, stored.is_staff, stored.is_active) == (False, False, True)


def test_without_a_password_none_fits(cast: Cast) -> None:
    user = users.create(actor=cast.actor("administrator"), username="robot")
    assert not user.has_usable_password()


def test_administrators_enter_the_console(cast: Cast) -> None:
    assert users.create(actor=cast.actor("administrator"), username="boss", is_superuser=True).is_staff


def test_names_are_compared_without_case(cast: Cast) -> None:
    make_user("Nina")
    with refused("user-exists"):
        users.create(actor=cast.actor("administrator"), username="nINA")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"username": ""}, "user-invalid"),
        ({"username": "with space"}, "user-invalid"),
        ({"username": "x" * 151}, "user-invalid"),
        ({"username": "nul\x00"}, "user-invalid"),
        ({"username": "nina", "email": "nowhere"}, "user-invalid"),
        ({"username": "nina", "password": "short"}, "password-weak"),
        ({"username": "nina", "password": "password1234"}, "password-weak"),
        ({"username": "nina.writes.here", "password": "nina.writes.here"}, "password-weak"),
        ({"username": "nina", "password": GOOD * 50}, "password-too-long"),
        ({"username": "nina", "password": "tpi_and a passphrase"}, "password-like-a-token"),
    ],
)
def test_what_no_account_may_have(cast: Cast, values: dict[str, str], code: str) -> None:
    actor = cast.actor("administrator")
    with refused(code):
        users.create(actor=actor, **values)


def test_changing_writes_before_and_after(cast: Cast) -> None:
    found = evidence.collecting()
    user = make_user("nina")
    users.change(actor=cast.actor("administrator"), user=user, email="n@tpi.example", first_name="Nina")
    user.refresh_from_db()
    assert (user.email, user.first_name) == ("n@tpi.example", "Nina")
    assert found.audit[0].detail == {
        "before": {"email": "nina@tpi.example", "first_name": ""},
        "after": {"email": "n@tpi.example", "first_name": "Nina"},
    }


def test_only_some_fields_can_be_changed(cast: Cast) -> None:
    user, actor = make_user("nina"), cast.actor("administrator")
    with refused("field-fixed"):
        users.change(actor=actor, user=user, username="anna")
    with refused("user-invalid"):
        users.change(actor=actor, user=user, email="nowhere")


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_superuser": False}])
def test_administrators_do_not_shut_themselves_out(cast: Cast, values: dict[str, bool]) -> None:
    actor = cast.actor("administrator")
    with refused("self-lockout"):
        users.change(actor=actor, user=cast.administrator, **values)


def test_administrators_do_not_delete_themselves(cast: Cast) -> None:
    actor = cast.actor("administrator")
    with refused("self-lockout"):
        users.delete(actor=actor, user=cast.administrator)


def test_taking_the_administration_away_ends_access_to_the_console(cast: Cast) -> None:
    boss = make_user("boss", is_superuser=True)
    users.change(actor=cast.actor("administrator"), user=boss, is_superuser=False)
    boss.refresh_from_db()
    assert not boss.is_staff


def test_people_change_their_own_profile_and_nobody_elses(cast: Cast) -> None:
    actor = cast.actor("reader")
    values = {"first_name": "Ada", "last_name": "L", "email": "ada@tpi.example"}
    users.change_own(actor=actor, user=cast.reader, **values)
    cast.reader.refresh_from_db()
    assert (cast.reader.get_full_name(), cast.reader.email) == ("Ada L", "ada@tpi.example")
    with refused("user-invalid"):
        users.change_own(actor=actor, user=cast.reader, **(values | {"email": "nowhere"}))
    for other in (cast.token_actor("reader"), cast.actor("administrator")):
        with refused("token-scope"):
            users.change_own(actor=other, user=cast.reader, **values)


def test_people_change_their_own_password_but_not_with_a_token(cast: Cast) -> None:
    users.set_password(actor=cast.actor("reader"), user=cast.reader, password=GOOD, present=PASSWORD)
    cast.reader.refresh_from_db()
    assert cast.reader.check_password(GOOD)
    by_token = cast.token_actor("reader")
    with refused("token-scope"):
        users.set_password(actor=by_token, user=cast.reader, password=f"{GOOD} again", present=GOOD)


def test_ones_own_password_is_changed_by_who_knows_the_present_one(cast: Cast) -> None:
    actor = cast.actor("reader")
    with refused("password-needed"):
        users.set_password(actor=actor, user=cast.reader, password=GOOD)
    with pytest.raises(Forbidden) as refusal:
        users.set_password(actor=actor, user=cast.reader, password=GOOD, present="a guess")
    assert refusal.value.code == "password-wrong"
    assert User.objects.get(pk=cast.reader.pk).check_password(PASSWORD)
    assert AuditEntry.objects.filter(object_name="reader", reason="password-wrong").exists()
    for _ in range(settings.TPI_SIGN_IN_FAILURES):
        with suppress(Forbidden, Throttled):
            users.set_password(actor=actor, user=cast.reader, password=GOOD, present="a guess")
    with pytest.raises(Throttled):
        users.set_password(actor=actor, user=cast.reader, password=GOOD, present=PASSWORD)


def test_a_person_has_no_programs_name(cast: Cast) -> None:
    for name in ("svc-build", "SVC-Build", "\uff53vc-build"):
        with refused("name-kept"):
            users.create(actor=cast.actor("administrator"), username=name)


def test_the_password_is_in_no_audit_entry(cast: Cast) -> None:
    found = evidence.collecting()
    users.create(actor=cast.actor("administrator"), username="nina", password=GOOD)
    users.set_password(actor=cast.actor("reader"), user=cast.reader, password=f"{GOOD} too", present=PASSWORD)
    assert found.actions == ["user.create", "user.set-password"]
    assert not any(GOOD in str(entry.detail) for entry in found.audit)


def test_what_a_deleted_person_published_stays(cast: Cast) -> None:
    file = published(cast.index, actor=cast.actor("uploader"))
    make_token(cast.uploader)
    user_id = cast.uploader.pk
    users.delete(actor=cast.actor("administrator"), user=cast.uploader)
    assert File.objects.get(pk=file.pk).uploaded_by == "uploader"
    assert not Role.objects.filter(user_id=user_id).exists()
    assert not Token.objects.filter(user_id=user_id).exists()
