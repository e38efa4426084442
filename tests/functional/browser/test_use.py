"""Using the pages: by keyboard, without script, with the little script that there is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.functional.browser.conftest import Visit, keep_screenshot, sign_in
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
_RING = "getComputedStyle(document.activeElement).boxShadow"


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_the_first_stop_of_the_keyboard_skips_to_the_content(visit: Visit) -> None:
    page = visit("/main/project/acme-tool/", "reader")
    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/main/project/acme-tool/", "/account/tokens/new/"])
def test_every_stop_of_the_keyboard_shows_where_it_is(visit: Visit, path: str) -> None:
    page = visit(path, "keeper")
    stops = 0
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        stops += 1
        assert page.evaluate(_RING) != "none", page.evaluate("document.activeElement.outerHTML")
    assert stops > 10


@pytest.mark.parametrize("script", [True, False])
def test_the_account_menu_opens_by_keyboard(visit: Visit, script: bool) -> None:
    page = visit("/", "keeper", script=script)
    menu = page.locator(".account-menu summary")
    menu.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="API tokens")).to_be_visible()
    expect(page.get_by_role("link", name="Console")).to_be_visible()


def test_signing_in_leads_back_and_signing_out_ends_it(visit: Visit, site: TpiServer) -> None:
    page = visit("/main/project/acme-tool/", script=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("User name").fill("reader")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(f"{site.url}/main/project/acme-tool/")
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator(".account-menu")).to_have_count(0)
    page.goto(f"{site.url}/account/profile/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_token_is_made_used_and_revoked_without_script(visit: Visit, site: TpiServer) -> None:
    page = visit("/help/clients/", "reader", script=False)
    assert page.get_by_role("button", name="Copy").count() == 0
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Name", exact=True).fill("laptop of the test")
    page.get_by_role("button", name="Make token").click()
    text = page.locator(".token-text code").inner_text()
    keep_screenshot(page, "token-made")

    with Session(site.url, basic(text)) as session:
        assert session.get("/main/simple/acme-tool/").status == 200
        page.get_by_role("link", name="All my tokens").click()
        assert text not in page.content()
        page.get_by_role("link", name="Revoke laptop of the test").click()
        keep_screenshot(page, "token-revoke")
        page.get_by_role("button", name="Revoke token").click()
        expect(page.get_by_role("status")).to_contain_text("is revoked")
        assert session.get("/main/simple/acme-tool/").status == 401


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_chosen_without_script_and_stays(visit: Visit, site: TpiServer, system: str) -> None:
    page = visit("/search/?q=acme", "reader", script=False, theme=system)
    page.get_by_role("button", name="Dark").click()
    expect(page).to_have_url(f"{site.url}/search/?q=acme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(f"{site.url}/main/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", re.compile("."))


def test_a_chosen_theme_outweighs_the_systems(visit: Visit) -> None:
    page = visit("/", "reader", theme="light")
    light = _background(page)
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = _background(page)
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")

    assert light != dark
    assert _background(page) == light


def test_copying_takes_the_line_as_it_is(visit: Visit, site: TpiServer) -> None:
    page = visit("/main/project/acme-tool/", "reader")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    page.get_by_role("button", name="Copy pip", exact=True).click()

    expect(page.get_by_role("button", name="Copy pip", exact=True)).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"pip install --index-url {site.url}/main/simple/ acme-tool"


def test_a_description_loads_nothing_and_runs_nothing(visit: Visit, site: TpiServer) -> None:
    page = visit("/main/project/acme-tool/", "reader")
    page.get_by_role("link", name="usage").click()

    assert page.locator(".readme img").count() == 0
    assert page.title().startswith("acme-tool")
    assert page.url == f"{site.url}/main/project/acme-tool/#readme-user-content-usage"
    expect(page.locator("#readme-user-content-usage")).to_be_in_viewport()


def test_one_finds_a_project_and_reads_on(visit: Visit, site: TpiServer) -> None:
    page = visit("/", "reader", width=360)
    page.get_by_role("searchbox").fill("road runner")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="acme-tool").click()
    page.get_by_role("link", name="1.1", exact=True).click()

    expect(page.get_by_text("Breaks on Windows").first).to_be_visible()
    page.get_by_role("link", name="version 1.2").click()
    expect(page).to_have_url(f"{site.url}/main/project/acme-tool/")


def test_an_index_is_leafed_through_in_both_directions(visit: Visit) -> None:
    page = visit("/main/?q=lib", "reader", script=False)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="lib-54")).to_be_visible()
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("link", name="lib-00")).to_be_visible()


def test_another_person_may_sign_in_after_a_refusal(visit: Visit, site: TpiServer) -> None:
    page = visit("/", script=False)
    sign_in(page, site, "outsider")
    page.goto(f"{site.url}/main/")
    page.get_by_role("link", name="Use another account").click()
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    sign_in(page, site, "reader")
    page.goto(f"{site.url}/main/")
    expect(page.get_by_role("link", name="acme-tool 1.2")).to_be_visible()
