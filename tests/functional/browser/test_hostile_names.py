"""Names that an attacker wrote into the directory, on real pages in Chromium: they are read, and nothing of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ldap.dn import escape_dn_chars
from playwright.sync_api import Browser, Page

from tests.functional.browser.conftest import sign_in
from tests.servers import inside
from tests.servers.directory_values import host
from tests.servers.tpi import TpiServer

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("directories")]
NAME = '</td></textarea><script>window.evil = 1</script><img src=x onerror="window.evil = 1">\'"'
GROUP = "<img src=x onerror='window.evil = 1'>"
READ = "<script>window.evil = 1</script>"
"""The part of the name that a person can read on a page only where it is text."""


def test_a_hostile_name_is_read_and_does_not_run(slapd: Slapd, tmp_path: Path, chromium: Browser) -> None:
    password = tmp_path / "bind-password"
    password.write_text(slapd.service_password)
    for attribute in ("givenName", "sn"):
        slapd.set_attribute(slapd.person_dn("alice"), attribute, NAME)
    slapd.set_members("devs", ["alice"])
    group = slapd.rename(slapd.group_dn("devs"), f"cn={escape_dn_chars(GROUP)}")
    settings = {
        "HOSTS": host(slapd.uri_ldaps),
        "CA_FILE": str(slapd.ca_file),
        "BIND_DN": slapd.service_dn,
        "BIND_PASSWORD_FILE": str(password),
        "USER_BASE": slapd.people_dn,
        "GROUP_BASE": slapd.groups_dn,
    }
    environment = {"TPI_LDAP": "corp", **{f"TPI_LDAP_CORP_{name}": value for name, value in settings.items()}}
    with TpiServer(settings=environment) as server:
        server.inside(inside.map_group, directory="corp", group_dn=group, team="tools", verbs=["upload"])
        server.inside(inside.sync_directories)
        page, troubles = _watched(chromium)
        sign_in(page, server, "admin")
        _look_at_the_console(page, server.url)
        page.context.close()
        page, more = _watched(chromium)
        _look_at_the_profile(page, server.url, slapd.password_of("alice"))
        page.context.close()
        assert troubles + more == []


def _watched(chromium: Browser) -> tuple[Page, list[str]]:
    """A browser of its own, and what its pages complain of: a policy that had to step in would be a complaint."""
    page, troubles = chromium.new_context().new_page(), []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    return page, troubles


def _look_at_the_console(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/accounts/user/?q=alice")
    _require_text(page, READ)
    page.get_by_role("link", name="alice").first.click()
    _require_text(page, READ)
    page.goto(f"{url}/admin/accounts/team/")
    page.get_by_role("link", name="tools").first.click()
    _require_text(page, "onerror")
    page.goto(f"{url}/admin/accounts/directory/")
    page.get_by_role("link", name="corp").first.click()
    page.get_by_role("link", name="Test", exact=True).click()
    page.get_by_label("User name").fill("alice")
    page.get_by_role("main").get_by_role("button", name="Test").click()
    _require_text(page, "onerror")
    page.get_by_role("link", name="Map to a team").first.click()
    assert "onerror" in page.get_by_label("Group").input_value()
    _require_unharmed(page)


def _look_at_the_profile(page: Page, url: str, password: str) -> None:
    page.goto(f"{url}/account/sign-in/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto(f"{url}/account/profile/")
    _require_text(page, READ)


def _require_text(page: Page, text: str) -> None:
    assert text in page.get_by_role("main").inner_text(), page.content()
    _require_unharmed(page)


def _require_unharmed(page: Page) -> None:
    assert page.evaluate("window.evil") is None
    assert page.locator("img[src=x]").count() == 0
