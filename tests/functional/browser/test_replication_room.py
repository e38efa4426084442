"""The console's room about replication, on a primary and on a replica of it that joined by the console."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.browser.conftest import keep_screenshot
from tests.functional.browser.test_looks import _dress, _faults, _overhang
from tests.functional.replicating import ALIKE
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
ROOM = "/admin/indexapp/replica/"
LOOKS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
_CHECKED = [("light", 1280), ("dark", 360)]
_PATIENCE = 60.0


@pytest.fixture
def sites() -> Iterator[tuple[TpiServer, TpiServer]]:
    """A primary that holds something, and an empty installation."""
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as other:
        primary.inside(inside.publish, numbers=list(range(12)))
        yield primary, other


def open_site(chromium: Browser, site: TpiServer, troubles: list[str], password_of: TpiServer | None = None) -> Page:
    """A browser of its own in which the administrator has signed in."""
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.on(
        "console",
        lambda message: (
            troubles.append(message.text)
            if message.type in {"error", "warning"} and "status of 4" not in message.text
            else None
        ),
    )
    page.goto(f"{site.url}/account/sign-in/")
    sign_in_as(page, site, password_of or site)
    return page


def sign_in_as(page: Page, site: TpiServer, password_of: TpiServer) -> None:
    """With the password of the administrator of that installation."""
    page.goto(f"{site.url}/account/sign-in/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password_of.password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(re.compile("/sign-in/"))


def check(page: Page, name: str) -> None:
    """Nothing wider than the screen, no fault that axe-core finds, at both widths and in both themes."""
    page.wait_for_load_state()
    expect(page.locator("h1")).to_have_count(1)
    for theme, width in LOOKS:
        _dress(page, theme, width)
        assert _overhang(page) <= 0, f"{name} is wider than {width} pixels"
        if (theme, width) in _CHECKED:
            assert _faults(page) == []
        keep_screenshot(page, f"replication-{name}-{theme}-{width}")
    _dress(page, "light", 1280)


def wait_until_shown(page: Page, words: str) -> None:
    """Load the page again until it says so."""

    def is_shown() -> bool:
        page.reload()
        return words in page.locator("main").inner_text()

    wait_until(is_shown, _PATIENCE, lambda: page.locator("main").inner_text())


def test_a_site_is_invited_joins_follows_loses_its_primary_and_takes_over(
    chromium: Browser, sites: tuple[TpiServer, TpiServer], troubles: list[str]
) -> None:
    primary, other = sites
    theirs, ours = open_site(chromium, primary, troubles), open_site(chromium, other, troubles)
    join(ours, other, primary, invite(theirs, primary))
    see_both_in_step(theirs, ours, primary, other)
    say_what_is_held(ours, other)
    limit(ours)
    appoint(theirs, ours, other)
    pause(ours, other)
    theirs.close()
    primary.stop()
    other.inside(inside.want_much)
    see_it_fail(ours)
    think_about_leaving(ours)
    promote(ours, primary)


def invite(theirs: Page, primary: TpiServer) -> str:
    """On the primary; the secret."""
    theirs.goto(primary.url + ROOM)
    check(theirs, "primary-empty")
    theirs.get_by_role("link", name="Invite a replica").click()
    check(theirs, "invite")
    theirs.get_by_label("Name").fill("munich")
    theirs.get_by_role("button", name="Invite a replica").press("Enter")
    secret = theirs.locator(".token-text code").inner_text()
    check(theirs, "invited")
    theirs.get_by_role("link", name="I have it").click()
    expect(theirs.get_by_role("row", name="munich")).to_contain_text("invited")
    assert secret not in theirs.content()
    return secret


def join(ours: Page, other: TpiServer, primary: TpiServer, secret: str) -> None:
    """On the empty installation, first with another secret; then one is signed out, and signs in anew."""
    ours.goto(other.url + ROOM)
    ours.get_by_role("link", name="Join a primary").click()
    check(ours, "join")
    ours.get_by_label("Address of the primary").fill(primary.url)
    ours.get_by_label("Secret").fill("tpi_wrong")
    ours.get_by_role("button", name="Join a primary").click()
    expect(ours.get_by_role("alert")).to_contain_text("This site cannot follow")
    check(ours, "join-refused")
    ours.get_by_label("Secret").fill(secret)
    ours.get_by_role("button", name="Join a primary").click()
    expect(ours).to_have_url(re.compile("/account/sign-in/"))
    expect(ours.get_by_role("status").first).to_contain_text("is a replica of")
    sign_in_as(ours, other, primary)


def see_both_in_step(theirs: Page, ours: Page, primary: TpiServer, other: TpiServer) -> None:
    """On both sides."""
    ours.goto(other.url + ROOM)
    wait_until_shown(ours, "All files are here")
    wait_until_shown(ours, "in step")
    check(ours, "replica-in-step")
    theirs.reload()
    wait_until_shown(theirs, "all there")
    check(theirs, "primary")
    theirs.get_by_role("link", name="munich", exact=True).click()
    check(theirs, "replica-row")
    expect(theirs.get_by_role("link", name="Revoke")).to_be_visible()

    ours.goto(other.url + "/admin/")
    expect(ours.get_by_role("complementary", name="A replica").get_by_role("link")).to_have_attribute(
        "href", re.compile(primary.url)
    )
    check(ours, "overview")


def say_what_is_held(ours: Page, other: TpiServer) -> None:
    """First what would leave nothing here, which is thought better of; then what moves nothing."""
    ours.goto(other.url + ROOM)
    ours.get_by_role("link", name="Say what is held").click()
    check(ours, "hold")
    ours.get_by_label("Projects", exact=False).first.fill("none-*")
    ours.get_by_role("button", name="Show what it would do").press("Enter")
    shown = ours.get_by_role("status", name="What these filters would do")
    expect(shown).to_contain_text("Would be dropped")
    expect(shown.get_by_role("row")).to_have_count(2)
    expect(shown).not_to_contain_text("Not all was looked at")
    check(ours, "hold-preview")
    ours.get_by_label("Projects", exact=False).first.fill("")
    ours.get_by_label("Newest releases").fill("1000")
    ours.get_by_role("button", name="Apply").click()
    expect(shown).to_contain_text("They were changed since they were shown")
    expect(shown).to_contain_text("Nothing moves.")
    ours.get_by_role("button", name="Apply").press("Enter")
    expect(ours.get_by_role("status").first).to_contain_text("It is being applied")
    expect(ours.get_by_role("region", name="What is held")).to_contain_text("1000")
    wait_until_shown(ours, "All files are here")
    check(ours, "held")


def limit(ours: Page) -> None:
    """At any time of the day, so that nothing waits."""
    ours.get_by_role("link", name="Limit fetching").click()
    ours.get_by_label("Rate").fill("much")
    ours.get_by_role("button", name="Limit fetching").click()
    expect(ours.get_by_role("alert")).to_contain_text("It was not done")
    check(ours, "limit-refused")
    ours.get_by_label("Rate").fill("500 MB")
    ours.get_by_role("button", name="Limit fetching").press("Enter")
    expect(ours.get_by_role("region", name="What is held")).to_contain_text("a second")


def pause(ours: Page, other: TpiServer) -> None:
    """With the keyboard."""
    ours.goto(other.url + ROOM)
    ours.get_by_role("link", name="Pause").click()
    check(ours, "pause")
    ours.get_by_role("button", name="Pause").press("Enter")
    expect(ours.locator("main")).to_contain_text("Paused.")
    check(ours, "replica-paused")


def see_it_fail(ours: Page) -> None:
    """After the primary has stopped."""
    ours.get_by_role("link", name="Resume").click()
    ours.get_by_role("button", name="Resume").click()
    wait_until_shown(ours, "The primary cannot be followed")
    expect(ours.get_by_role("alert")).to_contain_text("Look whether the primary serves")
    check(ours, "replica-failing")


def appoint(theirs: Page, ours: Page, other: TpiServer) -> None:
    """On the primary; the replica learns of it with the news."""
    theirs.get_by_role("link", name="Let it take over").click()
    theirs.get_by_label("Its address").fill(other.url)
    check(theirs, "appoint")
    theirs.get_by_role("button", name="Let it take over").click()
    expect(theirs.get_by_role("status").first).to_contain_text("was allowed to take over")
    expect(theirs.locator("main")).to_contain_text(f"yes, at {other.url}")
    ours.goto(other.url + ROOM)
    ours.get_by_role("link", name="Promote").click()
    wait_until_shown(ours, "Nothing is missing")
    check(ours, "promote-whole")


def think_about_leaving(ours: Page) -> None:
    """What is missing is given up on purpose only."""
    ours.get_by_role("link", name="Leave").click()
    check(ours, "leave")
    ours.get_by_role("button", name="Leave").click()
    expect(ours.locator(".errorlist")).to_be_visible()
    expect(ours.get_by_label("Give up what is missing")).not_to_be_checked()
    ours.get_by_role("link", name="Cancel").click()


def promote(ours: Page, primary: TpiServer) -> None:
    """With the loss in sight, although the primary cannot be asked."""
    ours.get_by_role("link", name="Promote").click()
    expect(ours.locator("main")).to_contain_text("9 things would be lost")
    check(ours, "promote")
    ours.get_by_role("button", name="Promote").click()
    expect(ours.locator(".errorlist")).to_be_visible()
    ours.get_by_label("Accept the loss").check()
    ours.get_by_role("button", name="Promote").click()
    told = ours.get_by_role("status").first
    expect(told).to_contain_text("This installation is the primary now, in epoch 2", timeout=60_000)
    expect(told).to_contain_text(f"What {primary.url} took after the last contact is not here.")
    expect(ours.locator(".facts-wide").first).to_contain_text("primary")
    expect(ours.get_by_role("complementary", name="A replica")).to_have_count(0)
    check(ours, "promoted")
