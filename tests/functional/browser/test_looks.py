"""Every page, at both widths and in both themes: no fault that axe-core finds, nothing wider than the screen."""

from __future__ import annotations

from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.functional.browser.conftest import Visit, keep_screenshot
from tests.functional.browser.seeds import LONG

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
PAGES = {
    "welcome": ("/", ""),
    "sign-in": ("/account/sign-in/?next=/main/", ""),
    "home": ("/", "reader"),
    "home-empty": ("/", "outsider"),
    "search": ("/search/?q=acme", "reader"),
    "search-nothing": ("/search/?q=nothing+like+this", "reader"),
    "search-blank": ("/search/", "reader"),
    "index": ("/main/", "reader"),
    "index-empty": ("/empty/", "admin"),
    "group": ("/both/?q=lib", "reader"),
    "project": ("/main/project/acme-tool/", "keeper"),
    "project-yanked": ("/main/project/acme-tool/1.1/", "reader"),
    "project-rst": ("/main/project/acme-rst/", "reader"),
    "project-long": (f"/main/project/{LONG}/", "reader"),
    "project-deprecated": ("/both/project/acme-retired/", "reader"),
    "project-quarantined": ("/main/project/acme-suspect/", "keeper"),
    "clients": ("/help/clients/", "reader"),
    "clients-group": ("/help/clients/?index=both", "reader"),
    "profile": ("/account/profile/", "keeper"),
    "password": ("/account/password/", "keeper"),
    "security": ("/account/security/", "keeper"),
    "sessions": ("/account/sessions/", "keeper"),
    "authenticator-new": ("/account/security/authenticator/new/", "keeper"),
    "confirm": ("/account/confirm/?next=/account/tokens/new/&interrupted=1", "keeper"),
    "tokens": ("/account/tokens/", "admin"),
    "tokens-empty": ("/account/tokens/", "outsider"),
    "token-new": ("/account/tokens/new/?index=main", "reader"),
    "sign-out": ("/account/sign-out/", "reader"),
    "doctor": ("/admin/doctor/", "admin"),
    "support-bundle": ("/admin/support-bundle/", "admin"),
    "refused": ("/main/project/acme-tool/", "outsider"),
    "not-found": ("/main/project/nothing/", "reader"),
    "nowhere": ("/no/where/at/all/", "reader"),
}
LOOKS = [("light", 1600), ("dark", 1600), ("light", 360), ("dark", 360)]
_CHECKED = [("light", 1600), ("dark", 360)]


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_has_no_faults(visit: Visit, name: str) -> None:
    path, person = PAGES[name]
    page = visit(path, person)
    expect(page.locator("h1")).to_have_count(1)
    assert page.title() not in ("", "evil")
    for theme, width in LOOKS:
        _dress(page, theme, width)
        assert _overhang(page) <= 0, f"wider than {width} pixels"
        if (theme, width) in _CHECKED:
            assert _faults(page) == []
        keep_screenshot(page, f"{name}-{theme}-{width}")


@pytest.mark.parametrize("form", ["sign-in/", "tokens/new/", "password/", "confirm/"])
def test_a_form_with_errors_has_no_faults(visit: Visit, form: str) -> None:
    page = visit(f"/account/{form}", "" if form == "sign-in/" else "keeper")
    page.locator("main form").evaluate("form => { form.noValidate = true; }")
    page.locator("main form button[type=submit]").click()

    expect(page.get_by_role("alert")).to_be_visible()
    for theme, width in _CHECKED:
        _dress(page, theme, width)
        assert _overhang(page) <= 0
        assert _faults(page) == []
        keep_screenshot(page, f"errors-{form.replace('/', '-')}{theme}-{width}")


def test_the_doctors_findings_have_no_faults(visit: Visit) -> None:
    page = visit("/admin/doctor/", "admin")
    page.get_by_role("button", name="Examine").click()

    assert page.locator(".steps li").count() > 15
    for theme, width in _CHECKED:
        _dress(page, theme, width)
        assert _overhang(page) <= 0
        assert _faults(page) == []
        keep_screenshot(page, f"findings-{theme}-{width}")


def _dress(page: Page, theme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})


def _overhang(page: Page) -> int:
    found = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert isinstance(found, int)
    return found


def _faults(page: Page) -> list[Any]:
    return [
        (fault["impact"], fault["id"], [node["html"] for node in fault["nodes"]])
        for fault in Axe().run(page)["violations"]
    ]
