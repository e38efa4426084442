"""The manifest of a static export: any reader of JSON reads it, and ours reads it line by line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.export_manifest import Entry, Head, ManifestUnreadable, lines, read

HEAD = Head(index="main", serial=12, projects=("acme-*",), composition="abc")
FILES = [Entry("files/ab/one.whl", "file", "one", "0" * 64, 5), Entry("files/ab/two.whl", "file", "two", "1" * 64, 0)]
PAGES = [Entry("simple/index.html", "page", "", "2" * 64, 7)]
text = st.text(max_size=20)
heads = st.builds(
    Head, index=text, serial=st.integers(0, 2**62), projects=st.lists(text, max_size=3).map(tuple), composition=text
)


def entries(kind: str) -> st.SearchStrategy[list[Entry]]:
    one = st.builds(Entry, text, st.just(kind), text, text, st.integers(0, 2**62))
    return st.lists(one, max_size=4, unique_by=lambda entry: entry.path)


def whole(raw: bytes) -> tuple[Head, list[Entry]]:
    head, found = read(raw.splitlines(keepends=True))
    return head, list(found)


@given(heads, entries("file"), entries("page"))
def test_what_is_written_is_read(head: Head, files: list[Entry], pages: list[Entry]) -> None:
    raw = b"".join(lines(head, files, pages))
    assert whole(raw) == (head, [*files, *pages])
    said = json.loads(raw)
    assert (said["index"], said["serial"], said["format"]) == (head.index, head.serial, "tpi-static-1")
    for kind, all_ in (("files", files), ("pages", pages)):
        assert said[kind] == {
            each.path: {"project": each.project, "sha256": each.sha256, "size": each.size} for each in all_
        }


RAW = b"".join(lines(HEAD, FILES, PAGES))


def test_each_entry_has_its_line() -> None:
    assert RAW.count(b"\n") == len([*FILES, *PAGES]) + 3


@pytest.mark.parametrize("length", range(0, len(RAW) - 2, 7))
def test_a_part_of_one_is_none(length: int) -> None:
    with pytest.raises(ManifestUnreadable):
        whole(RAW[:length])


@pytest.mark.parametrize(
    "changed",
    [
        RAW.replace(b"tpi-static-1", b"tpi-static-2"),
        RAW.replace(b'"serial":12', b'"serial":-1'),
        RAW.replace(b'"serial":12', b'"serial":"x"'),
        RAW.replace(b'"size":5', b'"size":true'),
        RAW.replace(b'"size":5', b'"length":5'),
        RAW.replace(b'{"project":"one"', b'["project","one"'),
        RAW.replace(b"one.whl", b"x" * 100_000),
        b"[" * 100_000,
        b"[]",
        b"<html>",
    ],
)
def test_what_is_no_manifest_is_refused(changed: bytes) -> None:
    with pytest.raises(ManifestUnreadable):
        whole(changed)
