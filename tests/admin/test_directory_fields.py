"""The fields of a directory are the same at every door: service, console, REST API, environment."""

from __future__ import annotations

import pytest

from accounts.admin.directory_forms import DirectoryForm
from accounts.api.directories import DirectoryChangeSerializer, DirectorySerializer, NewDirectorySerializer
from accounts.domain.directory_fields import LABELS
from accounts.domain.directory_settings import DirectorySettings
from accounts.models import Directory
from accounts.services.directories.settings import EDITABLE
from tests.admin.conftest import SignIn
from tests.admin.screens import address
from tests.factories.directories import silent_directory
from tpi_site.settings import directories, env

FIELDS = set(LABELS)
SECRET = "bind_password"


def test_the_service_and_the_rest_api_take_all_of_them_and_no_others() -> None:
    assert set(EDITABLE) == FIELDS
    assert set(DirectoryChangeSerializer().fields) == FIELDS
    assert set(NewDirectorySerializer().fields) == FIELDS | {"name"}


def test_the_rest_api_shows_all_of_them_but_the_password() -> None:
    shown = set(DirectorySerializer.Meta.fields)
    assert shown >= FIELDS - {SECRET}
    assert SECRET not in shown


@pytest.mark.django_db
@pytest.mark.parametrize("is_new", [True, False])
def test_the_consoles_form_shows_all_of_them_with_their_labels(
    administrator: object, sign_in: SignIn, is_new: bool
) -> None:
    page = address(Directory, "add") if is_new else address(silent_directory())
    shown = sign_in(administrator).get(page).context["adminform"]  # type: ignore[arg-type]  # it is a user
    names = [name for _, part in shown.fieldsets for name in part["fields"] if name in shown.form.fields]
    wanted = {f"new_{SECRET}" if name == SECRET else name: label for name, label in LABELS.items()}
    assert set(names) - {"name"} == set(wanted)
    assert {name: str(shown.form[name].label) for name in wanted} == wanted
    assert set(DirectoryForm.base_fields) == set(wanted)


def test_the_environment_gives_all_of_them_but_what_it_decides_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "declared", dict(env.declared))
    monkeypatch.setenv("TPI_LDAP", "corp")
    assert set(directories.read()["corp"]) == FIELDS - {"place", "enabled"}


def test_what_the_clients_take_is_settable() -> None:
    made_here = {"name", "direct"}
    assert set(DirectorySettings.__dataclass_fields__) - made_here <= FIELDS
