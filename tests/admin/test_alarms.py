"""Alarms in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Alarm
from accounts.services import alarms
from tests.admin.screens import address, do

pytestmark = pytest.mark.django_db


def test_alarms_are_listed_open_first_and_seen_to(root: Client) -> None:
    old, new = alarms.ring("one", "The first."), alarms.ring("two", "The second.")
    do(root, new, "end")
    listed = root.get(address(Alarm, "changelist")).context["cl"].result_list
    assert [row.code for row in listed] == ["one", "two"]
    new.refresh_from_db()
    assert new.ended_by == "root"
    cards = {card.title: card for card in root.get("/admin/").context["cards"]}
    assert [line.text for line in cards["Alarms"].lines] == ["The first."]
    assert old.code in root.get(address(Alarm, "changelist") + "?state=open").content.decode()
