from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Token, User
from accounts.services import tokens
from indexapp import permissions
from indexapp.models import Index
from indexapp.services import first_start

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.TPI_DATA_DIR = tmp_path
    settings.TPI_ADMIN_USER, settings.TPI_ADMIN_PASSWORD = "admin", ""
    return tmp_path


def test_an_administrator_an_index_and_a_token_to_begin_with(folder: Path) -> None:
    made = first_start.run()
    admin = User.objects.get()
    assert (admin.username, admin.is_superuser, admin.is_staff) == ("admin", True, True)
    assert made.password is not None
    assert admin.check_password(made.password)
    assert Index.objects.get() == made.index
    assert (made.index.name, made.index.is_default, made.index.anonymous_read) == ("main", True, False)
    assert made.token is not None
    actor = tokens.recognise(made.token)
    assert actor is not None
    assert permissions.verbs_on(actor, made.index) == {Verb.READ, Verb.UPLOAD}
    assert not actor.may_administer_instance
    assert set(AuditEntry.objects.values_list("actor_name", flat=True)) == {"first start"}


def test_the_secrets_are_kept_for_their_owner_alone(folder: Path) -> None:
    made = first_start.run()
    for name, secret in (("initial-admin-password", made.password), ("initial-token", made.token)):
        path = folder / name
        assert path.read_text() == f"{secret}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_second_start_makes_nothing(folder: Path) -> None:
    first_start.run()
    before = (User.objects.count(), Token.objects.count(), Index.objects.count(), AuditEntry.objects.count())
    again = first_start.run()
    assert (again.password, again.token) == (None, None)
    assert before == (User.objects.count(), Token.objects.count(), Index.objects.count(), AuditEntry.objects.count())


def test_a_given_password_is_taken_and_kept_nowhere(folder: Path, settings: Any) -> None:
    settings.TPI_ADMIN_USER, settings.TPI_ADMIN_PASSWORD = "root", "a passphrase of the operator"
    made = first_start.run()
    assert made.password is None
    assert User.objects.get(username="root").check_password("a passphrase of the operator")
    assert not (folder / "initial-admin-password").exists()


def test_an_interrupted_first_start_is_finished(folder: Path) -> None:
    Index.objects.create(name="mine", is_default=True)
    made = first_start.run()
    assert made.index.name == "mine"
    assert User.objects.filter(is_superuser=True).exists()
    assert made.token is not None
