"""Read-only mode in the console is a switch, and is called so."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import ReadOnlyPeriod

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/readonlyperiod/"


def test_it_is_switched_on(root: Client) -> None:
    page = root.get(LIST).content.decode()
    assert "<h1>Read-only mode</h1>" in page
    assert ">Switch on</a>" in page
    assert "ead only period" not in page
    form = root.get(f"{LIST}add/").content.decode()
    assert ">Switch on</button>" in form
    assert "another</button>" not in form
    root.post(f"{LIST}add/", {"reason": "We move."})
    assert ReadOnlyPeriod.objects.get().reason == "We move."
    row = root.get(f"{LIST}{ReadOnlyPeriod.objects.get().pk}/change/").content.decode()
    assert f'<a href="{LIST}">Read-only mode</a>' in row


def test_other_lists_are_called_as_ever(root: Client) -> None:
    assert ">New team</a>" in root.get("/admin/accounts/team/").content.decode()
    assert ">Create and add another</button>" in root.get("/admin/accounts/team/add/").content.decode()
