from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from indexapp.domain.versions import (
    MAX_NUMBER_LENGTH,
    MAX_VERSION_LENGTH,
    canonical_version,
    latest,
    latest_rank,
    parse_version,
    version_sort_key,
)
from tpi_site.kit.errors import Invalid

# Few different values, so that two drawn versions often agree in their first parts and differ in a late one.
numbers = st.one_of(st.integers(0, 3), st.sampled_from([9, 10, 11, 99, 100, 20240131, 10**30, 10**35 - 1]))
texts = st.sampled_from(["a", "a0", "a00", "a1", "ab", "b", "0a", "00a", "01a", "1a", "z", "zz", "g0f"])
separators = st.sampled_from([".", "-", "_"])


@st.composite
def spelled_versions(draw):
    epoch = draw(st.sampled_from(["", "", "", "0!", "1!", "12!"]))
    release = ".".join(map(str, draw(st.lists(numbers, min_size=1, max_size=3)))) + draw(
        st.sampled_from(["", "", ".0", ".0.0"])
    )
    pre = draw(st.sampled_from(["", "", "a", "b", "rc", "c", ".alpha", "-beta", "_pre"]))
    pre = pre and pre + str(draw(numbers))
    post = draw(st.sampled_from(["", "", ".post", "post", "-r"]))
    post = post and post + str(draw(numbers))
    dev = draw(st.sampled_from(["", "", ".dev", "dev"]))
    dev = dev and dev + str(draw(numbers))
    local = draw(st.lists(st.one_of(numbers.map(str), texts), max_size=3))
    return f"{epoch}{release}{pre}{post}{dev}" + ("+" + draw(separators).join(local) if local else "")


@given(spelled_versions(), spelled_versions())
def test_keys_order_as_pep_440_does(one, other):
    first, second = Version(one), Version(other)
    first_key, second_key = version_sort_key(first), version_sort_key(second)
    assert (first_key < second_key) == (first < second)
    assert (first_key == second_key) == (first == second)


local_versions = st.lists(st.one_of(st.sampled_from(["0", "1", "10"]), texts), min_size=1, max_size=3).map(".".join)


@given(local_versions, local_versions)
@example("a.5", "a00")
@example("a", "a0")
@example("a.0", "a0")
def test_keys_order_local_versions_as_pep_440_does(one, other):
    first, second = Version(f"1+{one}"), Version(f"1+{other}")
    assert (version_sort_key(first) < version_sort_key(second)) == (first < second)
    assert (version_sort_key(first) == version_sort_key(second)) == (first == second)


@given(spelled_versions())
def test_keys_are_of_one_alphabet(text):
    key = version_sort_key(Version(text))
    assert re.fullmatch(r"[0-9a-z]+", key)
    assert key.encode() == key.encode("ascii")


@given(st.lists(spelled_versions(), max_size=12))
def test_a_database_orders_by_the_key(texts):
    versions = [Version(text) for text in texts]
    connection = sqlite3.connect(":memory:")
    connection.execute("create table release (version text, sort_key text)")
    connection.executemany("insert into release values (?, ?)", [(str(one), version_sort_key(one)) for one in versions])
    rows = connection.execute("select version from release order by sort_key desc").fetchall()
    connection.close()
    assert [Version(text) for (text,) in rows] == sorted(versions, reverse=True)


def test_the_order_that_pep_440_gives_as_an_example():
    written = "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345"
    written += " 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1!0.1"
    keys = [version_sort_key(parse_version(text)) for text in written.split()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    "text",
    [
        "1" + ".1" * 63,
        "1." + "9" * MAX_NUMBER_LENGTH + "." + "9" * MAX_NUMBER_LENGTH + "." + "9" * MAX_NUMBER_LENGTH,
        "1+" + ("a" + "0" * 34) * 3 + "a" + "0" * 20,
        "1+" + "a." * 62 + "a",
        "1+" + "1." * 62 + "1",
        "9!9.9rc9.post9.dev9+" + "a0" * 54,
    ],
)
def test_keys_are_bounded(text):
    assert len(version_sort_key(parse_version(text))) < 300


@pytest.mark.parametrize(
    "text", ["1.0", "v1.0", "1.0+corp.1", "1!2.0rc1.post2.dev3", "2004.10", "1.0-1", "0", "1.0-beta_2"]
)
def test_versions_are_read(text):
    assert parse_version(text) == Version(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dog",
        "1.0-SNAPSHOT",
        " 1.0",
        "1.0\n",
        "1.0 ",
        "1..0",
        "1.0+",
        "1.0+é",
        "\u0661.\u0662",
        "1.0\0",
        "1/0",
        "9" * (MAX_NUMBER_LENGTH + 1),
        "1+" + "9" * (MAX_NUMBER_LENGTH + 1),
        "9" * 5000,
        "1" + ".0" * 64,
        "1+" + "a" * MAX_VERSION_LENGTH,
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_version(text)
    assert refused.value.code == "version-invalid"
    assert refused.value.detail.isascii()
    assert refused.value.detail.isprintable()


@given(st.text(max_size=140))
def test_any_text_is_a_version_or_refused(text):
    try:
        parsed = parse_version(text)
    except Invalid:
        return
    assert parsed == Version(text)


@given(spelled_versions())
def test_what_packaging_reads_is_read(text):
    try:
        expected = Version(text)
    except InvalidVersion:
        pytest.fail("the strategy spells versions only")
    if len(text) <= MAX_VERSION_LENGTH:
        assert parse_version(text) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.0", "1"),
        ("1", "1"),
        ("v1.0.0", "1"),
        ("1.10", "1.10"),
        ("0", "0"),
        ("0.0", "0"),
        ("1.0-beta.1", "1b1"),
        ("1!1.0+A_B", "1!1+a.b"),
    ],
)
def test_canonical_text(text, canonical):
    assert canonical_version(text) == canonical
    assert canonical_version(parse_version(text)) == canonical


@given(spelled_versions(), spelled_versions())
def test_canonical_texts_are_equal_exactly_for_equal_versions(one, other):
    assert (canonical_version(Version(one)) == canonical_version(Version(other))) == (Version(one) == Version(other))


def test_the_canonical_text_of_no_version_is_refused():
    with pytest.raises(Invalid):
        canonical_version("dog")


@pytest.mark.parametrize(
    ("released", "yanked", "expected"),
    [
        ("1.0 2.0 1.5", "", "2.0"),
        ("1.0 2.0rc1", "", "1.0"),
        ("1.0 2.0.dev1", "", "1.0"),
        ("1.0rc1 1.0rc2", "", "1.0rc2"),
        ("1.0 2.0", "2.0", "1.0"),
        ("1.0 2.0 3.0rc1", "1.0 2.0", "3.0rc1"),
        ("1.0 2.0rc1", "1.0 2.0rc1", "1.0"),
        ("1.0 1.0.post1 1.0+corp", "", "1.0.post1"),
        ("1.0", "1", "1.0"),
        ("", "", None),
    ],
)
def test_latest(released, yanked, expected):
    answer = latest([Version(text) for text in released.split()], {Version(text) for text in yanked.split()})
    assert answer == (None if expected is None else Version(expected))


def test_a_final_release_ranks_before_a_newer_pre_release():
    assert latest_rank(Version("1.0"), is_yanked=False) > latest_rank(Version("2.0a1"), is_yanked=False)
