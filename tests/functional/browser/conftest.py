"""A site with something of everything, and Chromium to look at it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from tests.functional.browser import seeds
from tests.servers.tpi import TpiServer

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def site() -> Iterator[TpiServer]:
    """An installation with projects of every kind, and people with and without rights."""
    with TpiServer() as server:
        seeds.sow(server)
        yield server


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser process, for the tests of this folder alone.

    Playwright keeps an event loop running in this thread, in which Django refuses its database to every test that follows.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def sessions(site: TpiServer, chromium: Browser) -> Callable[[str], StorageState | None]:
    """The cookies of a person who has signed in; None for nobody."""
    known: dict[str, StorageState] = {}

    def of(person: str) -> StorageState | None:
        if person and person not in known:
            context = chromium.new_context()
            sign_in(context.new_page(), site, person)
            known[person] = context.storage_state()
            context.close()
        return known.get(person)

    return of


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What a page broke: with the policy against inline script and style, or by itself."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def visit(site: TpiServer, chromium: Browser, sessions: Callable[[str], StorageState | None]) -> Iterator[Visit]:
    """Open a page of the site as somebody, in a browser of their own; what breaks on the page fails the test."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(path: str, person: str = "", *, script: bool = True, width: int = 1600, theme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=script,
            storage_state=sessions(person),
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note_message(troubles, message.type, message.text))
        page.on("request", lambda request: _note_request(troubles, site.url, request.url))
        page.goto(site.url + path)
        if "/account/confirm/" in page.url and "/account/confirm/" not in path:
            prove(page, site, person)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def _note_message(troubles: list[str], kind: str, text: str) -> None:
    if kind in ("error", "warning") and "the server responded with a status of 4" not in text:
        troubles.append(text)


def _note_request(troubles: list[str], site: str, url: str) -> None:
    if not url.startswith((f"{site}/", "data:")):
        troubles.append(f"loaded from outside: {url}")


def sign_in(page: Page, site: TpiServer, person: str) -> None:
    """Go through the form."""
    page.goto(f"{site.url}/account/sign-in/")
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(password_of(site, person))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(re.compile("/sign-in/"))


def prove(page: Page, site: TpiServer, person: str) -> None:
    """Show again that it is them: the cookies that the tests share may be older than a quarter of an hour."""
    page.get_by_label("Your password").fill(password_of(site, person))
    page.get_by_role("main").get_by_role("button", name="Confirm").click()
    expect(page).not_to_have_url(re.compile("/confirm/"))


def password_of(site: TpiServer, person: str) -> str:
    """What the person types."""
    return site.password if person == "admin" else seeds.PASSWORD


def keep_screenshot(page: Page, name: str) -> None:
    """Save what the page looks like where somebody asked for it (``SCREENSHOTS=folder``)."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
