"""The console's room about mirror sites: one is registered, and taken out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.functional.browser.test_replication_room import check, open_site
from tests.servers import inside
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
ROOM = "/admin/indexapp/mirrorsite/"
_WHY = "The disks of the far site are replaced from Monday on, and nobody knows for how long that will take."


def test_a_site_is_registered_and_taken_out(chromium: Browser, troubles: list[str]) -> None:
    with TpiServer() as index:
        index.inside(inside.publish, numbers=[1])
        page = open_site(chromium, index, troubles)
        page.goto(index.url + ROOM)
        check(page, "sites-none")
        page.get_by_role("link", name="New mirror site").first.click()
        page.get_by_label("Name", exact=True).fill("far-away-in-the-mountains")
        page.get_by_label("Address", exact=True).fill("https://packages.far-away-in-the-mountains.example/")
        page.get_by_label("Region").first.fill("eu-ch")
        check(page, "sites-new")
        page.get_by_label("Region").first.press("Enter")
        expect(page.get_by_role("status").first).to_contain_text("far-away-in-the-mountains")

        page.goto(index.url + ROOM)
        row = page.get_by_role("row", name="far-away-in-the-mountains")
        expect(row).to_contain_text("On probation", ignore_case=True)
        row.get_by_role("link", name="far-away-in-the-mountains").first.click()
        check(page, "site")
        page.get_by_role("link", name="Take out").click()
        page.get_by_label("Reason").fill(_WHY)
        page.get_by_role("button", name="Take out").press("Enter")
        page.goto(index.url + ROOM)
        expect(page.get_by_role("row", name="far-away-in-the-mountains")).to_contain_text(_WHY)
        check(page, "sites-out")
