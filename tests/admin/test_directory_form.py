"""The form of a directory: what it takes, what it says is wrong, and what it never shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from accounts.models import Directory
from accounts.services.directories.settings import settings_of
from tests.admin.screens import DIRECTORY, SECRET, address, errors
from tests.evidence import collecting
from tests.factories.directories import silent_directory, slapd_values

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def test_a_directory_is_made_and_its_password_is_never_shown(root: Client) -> None:
    evidence = collecting()
    answer = root.post(
        address(Directory, "add"), DIRECTORY | {"name": "corp", "nesting": "", "new_bind_password": SECRET}
    )
    assert answer.status_code == 302, errors(answer)
    row = Directory.objects.get(name="corp")
    assert answer.headers["Location"] == address(row)
    assert address(row, "test") in root.get(address(row)).content.decode()

    assert settings_of(row).bind_password == SECRET
    assert (row.nesting, row.verify_certificate, row.only_mapped) == ("walk", True, False)
    assert evidence.actions == ["directory.create"]
    assert SECRET not in str(evidence.audit[0].detail)
    for page in (address(row), address(Directory, "changelist"), "/admin/"):
        assert SECRET not in root.get(page).content.decode()


def test_a_domain_gets_the_nesting_that_is_usual_for_it(root: Client) -> None:
    fields = DIRECTORY | {"name": "ad", "kind": "active-directory", "nesting": "", "new_bind_password": SECRET}
    root.post(address(Directory, "add"), fields)
    assert Directory.objects.get(name="ad").nesting == "chain"


def test_a_change_without_a_password_keeps_it(root: Client) -> None:
    row, evidence = silent_directory(), collecting()
    assert root.post(address(row), DIRECTORY | {"title": "New"}).status_code == 302
    row.refresh_from_db()

    assert (row.title, settings_of(row).bind_password) == ("New", SECRET)
    assert evidence.actions == ["directory.change"]
    root.post(address(row), DIRECTORY | {"new_bind_password": "another"})
    row.refresh_from_db()
    assert settings_of(row).bind_password == "another"


def test_what_cannot_work_is_said_at_the_form(root: Client) -> None:
    row = silent_directory()
    assert "is not a host" in errors(root.post(address(row), DIRECTORY | {"hosts": "ldaps://x"}))
    assert "bind directly" in errors(root.post(address(row), DIRECTORY | {"bind_dn": ""}))
    assert Directory.objects.get().hosts == "127.0.0.1:1"


def _wrong(answer: Any) -> dict[str, str]:
    """What each field of the form is told, by the label that people see."""
    form = answer.context["adminform"].form
    return {
        str(form[name].label): " ".join(sentences) for name, sentences in form.errors.items() if name in form.fields
    }


def test_all_that_is_wrong_is_said_at_once_and_each_at_its_field(root: Client) -> None:
    wrong = {
        "hosts": "ldaps://x",
        "bind_dn": "",
        "user_base": "",
        "user_filter": "uid=*",
        "timeout": "0",
        "page_size": "x",
    }
    answer = root.post(address(Directory, "add"), DIRECTORY | {"name": "Not a slug", "nesting": ""} | wrong)
    told = _wrong(answer)
    assert set(told) == {
        "Name",
        "Hosts",
        "Bind account",
        "Base of people",
        "Filter of people",
        "Time limit",
        "Page size",
    }
    assert "is not a host" in told["Hosts"]
    assert "bind directly" in told["Bind account"]
    assert not answer.context["adminform"].form.non_field_errors()
    assert not Directory.objects.exists()


def test_a_password_that_would_go_elsewhere_is_asked_for_at_its_field(root: Client) -> None:
    row = silent_directory()
    moved = {"hosts": "127.0.0.1:2", "ca_certificates": "PEM", "group_filter": "(cn=%)"}
    answer = root.post(address(row), DIRECTORY | moved)
    told = _wrong(answer)
    assert set(told) == {"Bind account's password", "Filter of groups"}
    assert told["Bind account's password"].endswith("by what changed: Hosts, CA certificates.")
    assert "ca_certificates" not in errors(answer)
    assert (
        root.post(address(row), DIRECTORY | {"hosts": "127.0.0.1:2", "new_bind_password": "again"}).status_code == 302
    )


def test_the_form_of_a_new_directory_reaches_a_real_server(root: Client, slapd: Slapd) -> None:
    values = slapd_values(slapd)
    fields = DIRECTORY | {"name": "corp", "nesting": ""} | values | {"new_bind_password": values["bind_password"]}
    del fields["bind_password"]
    assert root.post(address(Directory, "add"), fields).status_code == 302
    page = root.post(address(Directory.objects.get(), "test"), {"username": "alice"}).content.decode()
    assert page.count("badge-good") == 5
