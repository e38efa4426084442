"""Setting up an authenticator, signing in with it, and signing other browsers out; none of it needs script."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.domain import one_time_codes
from tests.functional.browser import seeds
from tests.functional.browser.conftest import Visit, keep_screenshot, password_of, sign_in
from tests.functional.browser.test_looks import _CHECKED, LOOKS, _dress, _faults, _overhang
from tests.servers import inside
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]


def _check(page: Page, name: str) -> None:
    page.wait_for_load_state()
    expect(page.locator("h1")).to_have_count(1)
    for theme, width in LOOKS:
        _dress(page, theme, width)
        assert _overhang(page) <= 0, f"wider than {width} pixels"
        if (theme, width) in _CHECKED:
            assert _faults(page) == []
        keep_screenshot(page, f"factor-{name}-{theme}-{width}")
    _dress(page, "light", 1600)


def _code(secret: str, steps: int) -> str:
    return one_time_codes.code_at(secret, int(time.time()) // one_time_codes.STEP + steps)


def _secret(page: Page) -> str:
    return page.locator(".setup-key").inner_text().replace(" ", "").strip()


def _press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name).click()


def _give_password(page: Page, site: TpiServer, person: str) -> None:
    page.goto(f"{site.url}/account/sign-in/")
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(password_of(site, person))
    _press(page, "Sign in")


def _is_in(page: Page, site: TpiServer) -> bool:
    page.goto(f"{site.url}/account/profile/")
    return "/sign-in/" not in page.url


def test_an_app_is_set_up_signs_in_and_other_browsers_are_signed_out(visit: Visit, site: TpiServer) -> None:
    site.inside(inside.user, name="wary", password=seeds.PASSWORD)
    page = visit("/", script=False)
    sign_in(page, site, "wary")
    page.get_by_role("navigation", name="Account").get_by_role("link", name="Security").click()
    page.get_by_role("link", name="Set up an authenticator").click()
    _press(page, "Show the QR code")
    _check_without_script(page, "connect")
    secret = _secret(page)
    page.get_by_label("Code", exact=True).fill("000000")
    _press(page, "Confirm")
    expect(page.get_by_role("alert")).to_contain_text("not the app's present code")
    page.get_by_label("Code", exact=True).fill(_code(secret, -1))
    _press(page, "Confirm")
    recovery = page.locator(".recovery-codes").inner_text().split()
    assert len(recovery) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("main")).to_contain_text("10 left")

    phone = visit("/", script=False, width=360)
    _give_password(phone, site, "wary")
    assert phone.url == f"{site.url}/account/sign-in/code/"
    digits = _code(secret, 0)
    phone.get_by_label("Code", exact=True).fill(f"{digits[:3]} {digits[3:]}")
    _press(phone, "Sign in")
    assert _is_in(phone, site)

    laptop = visit("/", script=False)
    _give_password(laptop, site, "wary")
    laptop.get_by_label("Code", exact=True).fill(digits)
    _press(laptop, "Sign in")
    expect(laptop.get_by_role("alert")).to_contain_text("was used already")
    laptop.get_by_role("link", name="Use a recovery code", exact=True).click()
    laptop.get_by_label("Recovery code").fill(recovery[0].upper())
    _press(laptop, "Sign in")
    expect(laptop.get_by_role("status")).to_contain_text("9 recovery codes are left")

    page.get_by_role("link", name="Show the sessions").click()
    expect(page.get_by_text("this browser")).to_have_count(1)
    page.get_by_role("button", name="End the session").first.click()
    expect(page.get_by_role("status")).to_contain_text("has ended")
    assert sorted([_is_in(phone, site), _is_in(laptop, site)]) == [False, True]
    page.get_by_role("button", name="End all others").click()
    assert [_is_in(browser, site) for browser in (phone, laptop, page)] == [False, False, True]
    with Session(site.url, basic(seeds.PASSWORD, "wary")) as session:
        assert session.get("/api/v1/tokens/").status == 403


def _check_without_script(page: Page, name: str) -> None:
    """Axe needs script; widths do not."""
    for theme, width in LOOKS:
        _dress(page, theme, width)
        keep_screenshot(page, f"factor-{name}-{theme}-{width}")
    _dress(page, "light", 1600)


def test_every_page_of_it_has_no_faults(visit: Visit, site: TpiServer) -> None:
    site.inside(inside.user, name="careful", password=seeds.PASSWORD)
    page = visit("/")
    sign_in(page, site, "careful")
    page.goto(f"{site.url}/account/security/authenticator/new/")
    _press(page, "Show the QR code")
    _check(page, "app")
    page.get_by_label("Code", exact=True).fill("000000")
    _press(page, "Confirm")
    _check(page, "app-errors")
    secret = _secret(page)
    page.get_by_label("Code", exact=True).fill(_code(secret, 0))
    _press(page, "Confirm")
    _check(page, "recovery-codes")
    for path in ("security/", "sessions/", "security/authenticator/new/", "security/authenticator/remove/"):
        page.goto(f"{site.url}/account/{path}")
        _check(page, f"with-{path.replace('/', '-')}")
    for path in ("security/recovery-codes/", "confirm/", "confirm/?recovery"):
        page.goto(f"{site.url}/account/{path}")
        _check(page, f"with-{path.replace('/', '-').replace('?', '')}")

    fresh = visit("/")
    _give_password(fresh, site, "careful")
    _check(fresh, "code")
    fresh.get_by_role("link", name="Use a recovery code", exact=True).click()
    _check(fresh, "recovery")
    fresh.get_by_label("Recovery code").fill("wrong")
    _press(fresh, "Sign in")
    _check(fresh, "recovery-errors")


def test_who_must_have_a_factor_sets_it_up_before_the_console_opens(chromium: Browser) -> None:
    with TpiServer(settings={"TPI_SECOND_FACTOR": "administrators"}) as server:
        page = chromium.new_page()
        page.goto(f"{server.url}/admin/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(server.password)
        _press(page, "Sign in")
        _check(page, "enrol")
        assert not _is_in(page, server)
        page.goto(f"{server.url}/account/sign-in/enrol/")
        page.get_by_label("Code", exact=True).fill(_code(_secret(page), 0))
        _press(page, "Confirm and sign in")
        _check(page, "enrolled")
        page.get_by_role("link", name="I have kept them").click()
        expect(page).to_have_url(f"{server.url}/admin/")
        page.context.close()
        with Session(server.url, basic(server.password, "admin")) as session:
            refused = session.get("/main/simple/")
            assert refused.status == 403
            assert "second factor" in refused.reason
        with Session(server.url, basic(server.token)) as session:
            assert session.get("/main/simple/").status == 200
