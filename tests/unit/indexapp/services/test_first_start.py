from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Token, User
from accounts.services import tokens
from indexapp import permissions
from indexapp.models import Index
from indexapp.services import first_start
from tpi_site.kit.errors import Invalid

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


class PowerCut(BaseException):
    """The process ends here."""


@contextmanager
def power_cut_at(step: str, folder: Path) -> Iterator[None]:
    """Interrupt what runs inside before it writes a row to the table, or a secret to the file, ``step``."""

    def fail(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith(f'INSERT INTO "{step}"'):
            raise PowerCut
        return execute(sql, *arguments)

    (folder / step).mkdir()  # a file of that name cannot be written
    with connection.execute_wrapper(fail), pytest.raises((PowerCut, OSError)):
        yield
    (folder / step).rmdir()


@pytest.mark.parametrize(
    "step",
    [
        "indexapp_index",
        "indexapp_change",
        "initial-admin-password",
        "accounts_user",
        "accounts_auditentry",
        "accounts_token",
        "initial-token",
    ],
)
def test_an_interrupted_first_start_is_finished(folder: Path, step: str) -> None:
    with power_cut_at(step, folder):
        first_start.run()
    made = first_start.run()
    assert Index.objects.get() == made.index
    assert made.password is not None
    assert User.objects.get(is_superuser=True).check_password(made.password)
    assert made.token is not None
    assert tokens.recognise(made.token) is not None
    assert Token.objects.count() == 1
    for name, secret in (("initial-admin-password", made.password), ("initial-token", made.token)):
        assert (folder / name).read_text() == f"{secret}\n"


def test_a_default_index_that_is_there_is_kept(folder: Path) -> None:
    Index.objects.create(name="mine", is_default=True)
    assert first_start.run().index.name == "mine"


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [("admin", "short", "password-weak"), ("not one word", "", "user-invalid"), ("reader", "", "user-exists")],
)
def test_an_administrator_that_cannot_be_is_told_with_the_settings_names(
    *, folder: Path, settings: Any, user: str, password: str, code: str
) -> None:
    User.objects.create(username="reader")
    settings.TPI_ADMIN_USER, settings.TPI_ADMIN_PASSWORD = user, password
    with pytest.raises(Invalid) as refusal:
        first_start.run()
    assert refusal.value.code == code
    assert "TPI_ADMIN_USER and TPI_ADMIN_PASSWORD" in refusal.value.detail
    assert not User.objects.filter(is_superuser=True).exists()
