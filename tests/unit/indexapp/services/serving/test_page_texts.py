"""Pages put together from kept pieces are, byte for byte, those made from nothing."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexapp.domain.simple_page import HTML_FORM, JSON_FORM, FileRow, PageForm, ProjectPage
from indexapp.domain.versions import parse_version, version_sort_key
from indexapp.services.serving.page_rows import ReleaseFiles
from indexapp.services.serving.page_texts import PageMaker, PageText, in_coding

FORMS = [pytest.param(JSON_FORM, id="json"), pytest.param(HTML_FORM, id="html")]


@dataclass
class Shelf:
    """A project's releases as the database would have them; it notes what was read."""

    releases: dict[str, ReleaseFiles] = field(default_factory=dict)
    reads: int = 0

    def put(self, number: int, *, yanked: str | None = None) -> str:
        version = f"1.{number}"
        key = version_sort_key(parse_version(version))
        digest = f"{number:064x}"
        row: FileRow = (
            f"acme-{version}.tar.gz", f"{digest}/acme-{version}.tar.gz", digest, 1, "2026-01-01T00:00:00.000000Z",
            None, yanked, None, None,
        )  # fmt: skip
        self.releases[key] = ReleaseFiles(key, version, [row])
        return key

    def all(self) -> list[ReleaseFiles]:
        return [self.releases[key] for key in sorted(self.releases)]

    def read(self, after: str, upto: str | None) -> list[ReleaseFiles]:
        found = [each for each in self.all() if after < each.sort_key and (upto is None or each.sort_key <= upto)]
        self.reads += len(found)
        return found


def maker(form: PageForm, serial: int = 1) -> PageMaker:
    return PageMaker(form, ProjectPage(name="acme", files_base="/main/files/", versions=(), last_serial=serial))


def filled(count: int) -> Shelf:
    shelf = Shelf()
    for number in range(count):
        shelf.put(number)
    return shelf


def same(one: PageText, other: PageText) -> bool:
    return (one.body, one.etag, one.pieces, one.start) == (other.body, other.etag, other.pieces, other.start)


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_is_what_the_form_renders(form: PageForm):
    shelf = filled(500)
    rows = [row for release in shelf.all() for row in release.files]
    versions = [release.version for release in shelf.all()]
    page = ProjectPage(name="acme", files_base="/main/files/", versions=versions, last_serial=1)
    text = maker(form).make(shelf.all())
    assert text.body == form.render(page, rows)
    assert len(text.pieces) > 3


@pytest.mark.parametrize("form", FORMS)
@given(
    start=st.integers(100, 400),
    steps=st.lists(st.tuples(st.sampled_from(["put", "yank", "drop"]), st.integers(0, 450)), min_size=1, max_size=25),
    group=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_remade_page_is_the_page_made_anew(form: PageForm, start: int, steps: list[tuple[str, int]], group: int):
    shelf = filled(start)
    text = maker(form).make(shelf.all())
    for position in range(0, len(steps), group):
        keys = set()
        for action, number in steps[position : position + group]:
            if action == "drop":
                key = version_sort_key(parse_version(f"1.{number}"))
                shelf.releases.pop(key, None)
            else:
                key = shelf.put(number, yanked="broken" if action == "yank" else None)
            keys.add(key)
        serial = position + 2
        text = maker(form, serial).remake(text, keys, shelf.read)
        assert same(text, maker(form, serial).make(shelf.all()))


@pytest.mark.parametrize("form", FORMS)
def test_the_release_that_ends_a_piece_may_go(form: PageForm):
    shelf = filled(500)
    text = maker(form).make(shelf.all())
    for piece in text.pieces[:-1]:
        del shelf.releases[piece.upto]
        text = maker(form).remake(text, [piece.upto], shelf.read)
        assert same(text, maker(form).make(shelf.all()))


def test_all_releases_may_go_and_come_back():
    shelf = filled(300)
    text = maker(JSON_FORM).make(shelf.all())
    gone, shelf.releases = list(shelf.releases), {}
    text = maker(JSON_FORM).remake(text, gone, shelf.read)
    assert json.loads(text.body)["files"] == []
    assert same(text, maker(JSON_FORM).make([]))


def test_a_change_reads_a_small_part():
    shelf = filled(2000)
    text = maker(JSON_FORM).make(shelf.all())
    maker(JSON_FORM).remake(text, [shelf.put(2001)], shelf.read)
    assert 0 < shelf.reads < 400


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [0, 1, 30, 900])
def test_every_coding_gives_the_body_back(form: PageForm, count: int):
    text = maker(form).make(filled(count).all())
    assert gzip.decompress(in_coding(text, form, "gzip")) == text.body
    assert in_coding(text, form, "identity") == text.body


@pytest.mark.parametrize("form", FORMS)
def test_compressing_kept_pieces_gives_the_same_bytes(form: PageForm):
    shelf = filled(900)
    text = maker(form).make(shelf.all())
    in_coding(text, form, "gzip")
    kept = len(text.packed)
    key = shelf.put(450, yanked="broken")
    remade = maker(form, 2).remake(text, [key], shelf.read)
    assert len(remade.packed) == kept - 1
    assert in_coding(remade, form, "gzip") == in_coding(maker(form, 2).make(shelf.all()), form, "gzip")
    assert gzip.decompress(in_coding(remade, form, "gzip")) == remade.body


def test_pieces_cost_little_compression():
    text = maker(JSON_FORM).make(filled(900).all())
    assert len(in_coding(text, JSON_FORM, "gzip")) < 1.1 * len(gzip.compress(text.body, 6))
