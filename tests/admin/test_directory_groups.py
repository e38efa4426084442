"""A directory's test, and what its groups mean here."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Directory, GroupMapping
from tests.admin.screens import address, do, errors
from tests.evidence import collecting
from tests.factories.directories import move, openldap
from tests.factories.people import make_team

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def test_the_test_tells_step_by_step(root: Client, slapd: Slapd) -> None:
    row = openldap(slapd)
    address_ = address(row, "test")
    assert "What came of it" not in root.get(address_).content.decode()
    page = root.post(address_, {"username": "alice"}).content.decode()
    assert page.count("badge-good") == 5
    assert "uid=alice" in page
    move(Directory.objects.get(), "127.0.0.1:1")
    page = root.post(address_, {"username": ""}).content.decode()
    assert (page.count("badge-bad"), page.count("not reached")) == (1, 4)
    assert "cannot be reached" in page


def test_the_groups_of_who_was_tried_lead_to_a_form_that_maps_them(
    root: Client, operator: Client, slapd: Slapd
) -> None:
    row = openldap(slapd)
    page = root.post(address(row, "test"), {"username": "alice"}).content.decode()
    assert "None of the groups of alice is mapped" in page
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*group_dn=[^"]*)"', page)]
    assert len(links) == 3
    form = root.get(links[0]).content.decode()
    group = parse_qs(urlsplit(links[0]).query)["group_dn"][0]
    assert re.search(
        rf'name="group_dn"[^>]*value="{re.escape(group)}"|value="{re.escape(group)}"[^>]*name="group_dn"', form
    )
    fields = {"directory": "corp", "group_dn": group, "team": make_team("devs").name, "role": "", "instance_role": ""}
    assert root.post(links[0], fields).status_code == 302
    assert "member of devs" in root.post(address(row, "test"), {"username": "alice"}).content.decode()
    assert "group_dn=" not in operator.post(address(row, "test"), {"username": "alice"}).content.decode()
    slapd.add_person("dora")
    assert "No group of dora was found" in root.post(address(row, "test"), {"username": "dora"}).content.decode()


def test_a_groups_meaning_is_added_and_deleted(root: Client, slapd: Slapd) -> None:
    row, team, evidence = openldap(slapd), make_team("devs"), collecting()
    add = address(GroupMapping, "add")
    group = {"directory": "corp", "group_dn": slapd.group_dn("devs"), "team": "", "role": "", "instance_role": ""}
    assert root.post(add, group | {"team": "devs", "role": "maintainer"}).status_code == 302
    assert root.post(add, group | {"instance_role": "auditor"}).status_code == 302
    assert "either to a team or" in errors(root.post(add, group))
    assert "not a distinguished name" in errors(root.post(add, group | {"group_dn": "devs", "team": "devs"}))
    assert "mapped so already" in errors(root.post(add, group | {"team": "devs", "role": "maintainer"}))

    prefilled = root.get(f"{add}?directory=corp").content.decode()
    assert re.search(r'<input[^>]*name="directory"[^>]*value="corp"|value="corp"[^>]*name="directory"', prefilled)
    assert f"{add}?directory=corp" in root.get(address(row)).content.decode()
    mapping = GroupMapping.objects.get(team=team)
    assert mapping.role == "maintainer"
    for link in ("?directory=corp", "?team=devs"):
        shown = root.get(address(GroupMapping, "changelist") + link).context["cl"].result_list
        assert mapping in shown
    assert f"{address(GroupMapping, 'changelist')}?team=devs" in root.get(address(team)).content.decode()
    do(root, mapping, "delete")
    assert evidence.actions == ["directory.map-group", "directory.map-group", "directory.unmap-group"]
    assert row.mappings.count() == 1
