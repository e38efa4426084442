"""The console's page of an import of vulnerability data."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import User
from tests.admin.conftest import SignIn
from tests.admin.screens import address
from tests.factories.people import make_user
from tests.factories.vulnerabilities import osv_record, take_in

pytestmark = pytest.mark.django_db


def test_it_names_the_records_that_cannot_be_used(tmp_path: Path, sign_in: SignIn) -> None:
    person: User = make_user("root", is_superuser=True)
    browser = sign_in(person)
    row = take_in(tmp_path, [osv_record(), b"[]"])
    assert "broken-1: This is no OSV record that can be used" in browser.get(address(row)).content.decode()
    row = take_in(tmp_path, [osv_record()])
    assert "cannot be used:" not in browser.get(address(row)).content.decode()
