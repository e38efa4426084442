"""The console: every kind of page at both widths and in both themes, and what one does there with a mouse."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.functional.browser.conftest import Visit, keep_screenshot, prove
from tests.functional.browser.test_looks import _CHECKED, LOOKS, _dress, _faults, _overhang
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("browser")]
LISTS = [
    "indexapp/project",
    "indexapp/file",
    "indexapp/role",
    "accounts/auditentry",
    "accounts/browsersession",
    "accounts/keyevent",
    "django_q/failure",
]
FORMS = [
    "indexapp/index",
    "indexapp/role",
    "indexapp/policyrule",
    "indexapp/policyexception",
    "accounts/team",
    "accounts/token",
]
ROWS = ["indexapp/index", "indexapp/project", "indexapp/release", "accounts/user", "accounts/browsersession"]


def _check(page: Page, name: str) -> None:
    page.wait_for_load_state()
    expect(page.locator("h1")).to_have_count(1)
    for theme, width in LOOKS:
        _dress(page, theme, width)
        assert _overhang(page) <= 0, f"wider than {width} pixels"
        if (theme, width) in _CHECKED:
            assert _faults(page) == []
        keep_screenshot(page, f"console-{name.replace('/', '-')}-{theme}-{width}")


@pytest.mark.parametrize("person", ["admin", "keeper"])
def test_the_overview_has_no_faults(visit: Visit, person: str) -> None:
    _check(visit("/admin/", person), f"overview-{person}")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_no_faults(visit: Visit, name: str) -> None:
    _check(visit(f"/admin/{name}/", "admin"), name)


def test_the_current_entry_of_the_menu_is_in_view(visit: Visit) -> None:
    page = visit("/admin/accounts/node/", "admin")
    page.set_viewport_size({"width": 1280, "height": 600})
    for name, entry in (("accounts/node", "Nodes"), ("indexapp/index", "Indexes")):
        page.goto(page.url.partition("/admin/")[0] + f"/admin/{name}/")
        expect(page.locator(".console-nav").get_by_role("link", name=entry, exact=True)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_no_faults_before_and_after_errors(visit: Visit, name: str) -> None:
    page = visit(f"/admin/{name}/add/", "admin")
    _check(page, f"{name}-add")
    page.locator("main .submit-row button").first.click()
    expect(page.get_by_role("alert")).to_be_visible()
    _check(page, f"{name}-errors")


@pytest.mark.parametrize("name", ROWS)
def test_the_page_of_a_row_has_no_faults(visit: Visit, name: str) -> None:
    page = visit(f"/admin/{name}/", "admin")
    page.locator("#result_list tbody th a").first.click()
    _check(page, f"{name}-row")


@pytest.mark.parametrize("action", ["Quarantine", "Delete"])
def test_the_page_that_asks_first_has_no_faults(visit: Visit, action: str) -> None:
    page = visit("/admin/indexapp/project/?q=acme-tool", "keeper")
    page.get_by_role("link", name="acme-tool", exact=True).click()
    page.locator(".tools").get_by_role("link", name=action).click()
    _check(page, f"ask-{action.lower()}")


@pytest.mark.parametrize("act", ["rotate", "remove-key"])
def test_the_pages_about_keys_have_no_faults(visit: Visit, site: TpiServer, act: str) -> None:
    page = visit(f"/admin/accounts/keyevent/{act}/", "admin")
    if "/confirm/" in page.url:
        prove(page, site, "admin")
    _check(page, f"keys-{act}")


def test_the_pages_of_a_rule_have_no_faults(visit: Visit, site: TpiServer) -> None:
    conditions = {"projects": ["acme-*"], "younger_than_days": 7, "licenses_denied": ["GPL-3.0-only"]}
    rule = {"name": "cool-down", "effect": "hide", "is_enabled": False, "conditions": conditions}
    with Session(site.url, basic(site.password, "admin")) as session:
        reply = session.request(
            "POST", "/api/v1/policy-rules/", json.dumps(rule).encode(), {"Content-Type": "application/json"}
        )
        assert reply.status == 201, reply.body
    page = visit("/admin/indexapp/policyrule/", "admin")
    _check(page, "policyrule")  # which leaves the screen at 360 pixels
    assert page.locator(".results").evaluate("one => one.scrollWidth - one.clientWidth") == 0
    expect(page.get_by_role("cell", name="Hide and block files of 'acme-*'")).to_be_visible()
    page.locator("#result_list tbody th a").first.click()
    _check(page, "policyrule-row")
    page.get_by_role("link", name="What it does").click()
    _check(page, "policyrule-dry-run")


def test_ticked_rows_are_yanked_together(visit: Visit) -> None:
    page = visit("/admin/indexapp/release/?q=lib", "keeper")
    for row in (3, 4):
        page.locator("input.action-select").nth(row).check()
    expect(page.locator(".action-counter")).to_have_text(re.compile("2 of"))
    page.get_by_label("With ticked rows").select_option(label="Yank")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Reason").fill("Tried in a test")
    page.get_by_role("button", name="Yank").click()

    expect(page.get_by_role("status")).to_contain_text("2 releases were yanked.")
    expect(page.locator("#result_list .badge-warn")).to_have_count(2)


def test_everything_is_done_without_script(visit: Visit) -> None:
    page = visit("/admin/indexapp/project/?q=lib-09", "keeper", script=False)
    page.get_by_role("link", name="lib-09", exact=True).click()
    page.locator(".tools").get_by_role("link", name="Deprecate").click()
    page.get_by_label("Reason").fill("Use lib-10")
    page.get_by_role("button", name="Deprecate").click()

    expect(page.get_by_role("status")).to_contain_text("Project 'lib-09' was deprecated.")
    expect(page.locator("main")).to_contain_text("Use lib-10")


def test_a_filter_opens_chooses_and_is_taken_back(visit: Visit) -> None:
    page = visit("/admin/indexapp/project/", "keeper", width=360)
    page.locator(".filter > summary", has_text="Status").click()
    page.get_by_role("link", name="Quarantined").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator(".filter > summary", has_text="Status")).to_contain_text("Quarantined")
    page.get_by_role("link", name="Show all").click()

    expect(page.locator("#result_list tbody tr")).to_have_count(50)
    expect(page.get_by_role("link", name="Next")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_audit_log_is_narrowed_by_fields_with_the_keyboard_alone(visit: Visit, width: int) -> None:
    page = visit("/admin/accounts/auditentry/?q=acme-suspect", "admin", width=width)
    person = page.get_by_label("Person", exact=True)
    if width == 360:
        expect(person).not_to_be_visible()
        page.locator(".filter-form > summary").press("Enter")
    person.press_sequentially("nobody")
    page.get_by_label("Outcome", exact=True).select_option("done")
    person.press("Enter")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    expect(person).to_have_value("nobody")
    expect(page.get_by_label("Outcome", exact=True)).to_have_value("done")
    page.goto(page.url.replace("before=", "before=nonsense"))
    expect(page.locator(".filter-fields .errorlist")).to_be_visible()
    _check(page, f"audit-fields-{width}")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_export_buttons_stand_together_and_give_what_the_fields_let_through(visit: Visit, width: int) -> None:
    page = visit("/admin/accounts/auditentry/?object_name=acme-suspect&outcome=done&actor=", "admin", width=width)
    buttons = page.locator(".page-head .tools a.button")
    expect(buttons).to_have_text(["Export these as CSV", "Export these as JSON"])
    boxes = [box for box in (button.bounding_box() for button in buttons.all()) if box]
    assert len(boxes) == 2
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert min(box["height"] for box in boxes) >= 24
    shown = page.locator("#result_list tbody tr").count()
    with page.expect_download() as download:
        buttons.last.click()
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(lines) == shown
    assert {(line["object_name"], line["outcome"]) for line in lines} == {("acme-suspect", "done")}


def test_rows_of_the_audit_log_scroll_inside_their_box_and_stay_low_on_a_small_screen(visit: Visit) -> None:
    page = visit(
        "/admin/accounts/auditentry/?action_prefix=file.upload&object_name=lib_01-1.0-py3-none-any.whl", "admin"
    )
    page.set_viewport_size({"width": 360, "height": 800})
    assert _overhang(page) <= 0
    assert page.locator(".results").evaluate("box => box.scrollWidth > box.clientWidth")
    row = page.locator("#result_list tbody tr").first.bounding_box()
    assert row is not None
    assert row["height"] < 100


def test_the_menu_folds_on_a_small_screen(visit: Visit) -> None:
    page = visit("/admin/", "admin", width=360)
    link = page.get_by_role("link", name="Audit entries")
    expect(link).not_to_be_visible()
    page.get_by_text("Console menu").click()
    link.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Audit entries")


def test_a_token_is_shown_once(visit: Visit) -> None:
    page = visit("/admin/accounts/token/add/", "keeper")
    page.get_by_label("Name", exact=True).fill("console")
    page.get_by_role("button", name="Create", exact=True).click()
    text = page.locator(".token-text code").inner_text()
    assert text.startswith("tpi_")
    _check(page, "token-issued")
    page.get_by_role("link", name="I have it").click()

    expect(page.get_by_role("link", name="console", exact=True).last).to_be_visible()
    assert text not in page.content()
