from __future__ import annotations

import base64

import pytest

from indexapp.models import Index
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.publishing import make_project

PROJECTS = "indexes/main/projects/"


@pytest.fixture
def many(main: Index) -> list[str]:
    """The names of seven projects, in order."""
    names = [f"project-{letter}" for letter in "abcdefg"]
    for name in reversed(names):
        make_project(main, name)
    return names


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 1000])
def test_pages_hold_every_row_once_and_in_order(rest: AsPerson, many: list[str], size: int):
    reader = rest("reader")
    assert reader.names(f"{PROJECTS}?page_size={size}") == many
    first = reader.get(f"{PROJECTS}?page_size={size}").json
    assert len(first["results"]) == min(size, 7)
    assert (first["next"] is None) == (size >= 7)


def test_descending_lists_page_as_well(rest: AsPerson, many: list[str]):
    administrator = rest("administrator")
    for name in ("one", "two", "three"):
        administrator.post("tokens/", {"name": name, "verbs": ["read"]})
    assert administrator.names("tokens/?page_size=1")[:3] == ["three", "two", "one"]


def test_the_next_link_keeps_the_filters_and_is_whole(rest: AsPerson, main: Index, many: list[str]):
    reader = rest("reader")
    page = reader.get(f"{PROJECTS}?page_size=2&name=project&status=active").json
    assert page["next"].startswith("http://tpi.example/api/v1/indexes/main/projects/?")
    assert "name=project" in page["next"]
    assert "status=active" in page["next"]
    assert reader.names(page["next"]) == many[2:]


def test_rows_that_come_and_go_between_pages_hide_no_others(rest: AsPerson, main: Index, many: list[str]):
    reader = rest("reader")
    page = reader.get(f"{PROJECTS}?page_size=3").json
    rest("administrator").delete(f"{PROJECTS}{many[2]}/")
    make_project(main, "project-aa")
    assert reader.names(page["next"]) == many[3:]


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1.5", "9" * 40, "%00", "1e3"])
def test_an_unsound_page_size_is_refused(rest: AsPerson, many: list[str], size: str):
    refused(rest("reader").get(f"{PROJECTS}?page_size={size}"), 400, "page-size-invalid")


@pytest.mark.parametrize(
    "cursor",
    ["!", "%C3%A9", "A", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"x" * 3000).decode(), "%00", "="],
)
def test_a_foreign_cursor_is_refused(rest: AsPerson, many: list[str], cursor: str):
    for path in (PROJECTS, "tokens/"):
        refused(rest("reader").get(f"{path}?cursor={cursor}"), 400, "cursor-invalid")


@pytest.mark.parametrize("position", [b"x", b"1.5", b"9" * 30, b"-" + b"9" * 30, b"1\x00"])
def test_a_position_that_is_no_number_is_refused_where_one_is_needed(rest: AsPerson, main: Index, position: bytes):
    cursor = base64.urlsafe_b64encode(position).decode()
    refused(rest("reader").get(f"tokens/?cursor={cursor}"), 400, "cursor-invalid")
