from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.etags import etag_in_coding, if_none_match, make_etag

ETAG = make_etag("page", 1)
OPAQUE = ETAG.strip('"')


def test_a_tag_is_strong_and_quoted():
    assert re.fullmatch(r'"[0-9a-f]{32}"', ETAG)


@pytest.mark.parametrize(
    "other",
    [("page", 2), ("page", "1"), ("page",), ("page1",), (1, "page"), ("page", 1, ""), (b"page", 1), ("pag", "e1")],
)
def test_every_input_and_its_place_matter(other):
    assert make_etag(*other) != ETAG


def test_the_same_inputs_give_the_same_tag_in_every_process():
    assert ETAG == '"afbfdbc2c8c4ade9df88de9092367d64"'


@pytest.mark.parametrize(
    "header",
    [ETAG, f"W/{ETAG}", f'"other", {ETAG}', f'W/"a,b",W/{ETAG} , "c"', " * ", f"garbage, {ETAG}", f'"",{ETAG}'],
)
def test_match(header):
    assert if_none_match(header, ETAG)


@pytest.mark.parametrize(
    "header",
    [None, "", '"other"', OPAQUE, f'"{OPAQUE}', f'"{OPAQUE}-gzip"', '"*"', "*, *", "W/", '"', f'"x{OPAQUE}"'],
)
def test_no_match(header):
    assert not if_none_match(header, ETAG)


@given(st.text())
def test_no_header_raises_nor_matches_by_chance(header):
    assert if_none_match(header, ETAG) is (header.strip() == "*")


@given(
    st.lists(st.text() | st.binary() | st.integers(), max_size=4),
    st.lists(st.text() | st.binary() | st.integers(), max_size=4),
)
def test_tags_are_equal_only_for_equal_inputs(some, others):
    assert (make_etag(*some) == make_etag(*others)) is (some == others)


def test_each_coding_has_a_tag_of_its_own():
    assert etag_in_coding('"abc"', "identity") == '"abc"'
    assert etag_in_coding('"abc"', "gzip") == '"abc-gzip"'
