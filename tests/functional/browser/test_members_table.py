"""The table of a team's members, with the longest names that there are: nothing runs out of the page."""

from __future__ import annotations

import pytest

from tests.functional.browser.conftest import Visit, keep_screenshot
from tests.functional.browser.test_looks import _dress, _faults, _overhang
from tests.servers import inside
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
LONGEST = "somebody-with-a-very-long-name.of-many-parts@division.of.the.head.office.tpi.example"
LOOKS = [("light", 360), ("dark", 360), ("light", 1280), ("dark", 1280)]


def test_long_names_stay_in_the_page(visit: Visit, site: TpiServer) -> None:
    site.inside(
        inside.several,
        works=[
            ("user", {"name": LONGEST, "password": "a long enough password"}),
            ("team", {"name": "longest", "members": [LONGEST, "keeper"]}),
        ],
    )
    page = visit("/admin/accounts/team/?q=longest", "admin")
    page.locator("#result_list tbody th a").first.click()
    for theme, width in LOOKS:
        _dress(page, theme, width)
        assert _overhang(page) <= 0, f"wider than {width} pixels"
        assert page.evaluate(_OUTSIDE) == [], f"runs out of its card at {width} pixels"
        assert _faults(page) == []
        keep_screenshot(page, f"console-team-members-{theme}-{width}")


_OUTSIDE = """() => [...document.querySelectorAll('main .card *')].filter(
    found => found.getBoundingClientRect().right > found.closest('.card').getBoundingClientRect().right + 1
        && !found.closest('.visually-hidden')
).map(found => found.outerHTML.slice(0, 80))"""
