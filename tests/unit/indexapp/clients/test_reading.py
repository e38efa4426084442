"""Documents arrive cut anywhere: what is read does not depend on where."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.clients.html_reading import Anchor, Head, anchors
from indexapp.clients.json_reading import NotTheForm, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(bounds)]


@given(
    document=st.dictionaries(st.sampled_from(["files", "name", "meta", "x"]), VALUES),
    elements=st.lists(VALUES, max_size=5),
    places=st.lists(st.integers(min_value=0), max_size=10),
    indent=st.sampled_from([None, 2]),
    is_ascii=st.booleans(),
)
def test_a_json_document_is_read_as_a_whole_one(
    document: dict[str, Any], elements: list[Any], places: list[int], indent: int | None, is_ascii: bool
) -> None:
    document = document | {"files": elements}
    content = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    read: dict[str, Any] = {"files": []}
    for key, value in members(iter(cut(content, places)), piecewise="files"):
        if key == "files":
            read["files"].append(value)
        else:
            read[key] = value
    assert read == document


@pytest.mark.parametrize("number", ["0.5", "-0", "12", "1e5", "1E-5", "-1.25e+10"])
@pytest.mark.parametrize("rest", ["", " ", ", 1"])
def test_a_number_is_whole_wherever_it_is_cut(number: str, rest: str) -> None:
    content = f'{{"files": [{number}{rest}], "x": {number}}}'.encode()
    for place in range(len(content)):
        read = [*members(iter([content[:place], content[place:]]), piecewise="files")]
        assert (read[0], read[-1]) == (("files", json.loads(number)), ("x", json.loads(number)))


@given(places=st.lists(st.integers(min_value=0), max_size=6), length=st.integers(min_value=0, max_value=60))
def test_a_document_cut_short_is_never_a_whole_one(places: list[int], length: int) -> None:
    content = json.dumps({"a": [1, {"b": "c"}], "files": [{"x": 12.5}, "y", 3], "z": True}).encode()
    with pytest.raises(NotTheForm):
        [*members(iter(cut(content[: min(length, len(content) - 1)], places)), piecewise="files")]


@given(places=st.lists(st.integers(min_value=0), max_size=10))
def test_links_are_read_wherever_a_page_is_cut(places: list[int]) -> None:
    page = (
        '<html><head><base href="/files/"><meta name="pypi:project-status" content="archived"></head>'
        '<!-- <a href="no">no</a> --><A HREF="a-1.0.tar.gz#sha256=x" Data-Yanked="&lt;ö&gt;">a-1.0<b>.tar</b>.gz</A>'
        "<a href=b>b&amp;c<a name=x>anchor</a></body></html><!--SERIAL 17-->"
    ).encode()
    head = Head()
    found = [
        *anchors(iter(cut(page, places)), head, page_url="https://x.example/simple/a/", charset="utf-8", most_marks=50)
    ]
    assert found == [
        Anchor(
            "a-1.0.tar.gz",
            "https://x.example/files/a-1.0.tar.gz#sha256=x",
            {"href": "a-1.0.tar.gz#sha256=x", "data-yanked": "<ö>"},
        ),
        Anchor("b&c", "https://x.example/files/b", {"href": "b"}),
    ]
    assert (head.metas, head.last_serial) == ({"project-status": "archived"}, 17)
