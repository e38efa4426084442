from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from indexapp.domain.policy.version_ranges import parse_range
from indexapp.domain.versions import version_sort_key
from tpi_site.kit.errors import Invalid

_NUMBER = st.integers(0, 3)
_RELEASE = st.lists(_NUMBER, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
_SUFFIX = st.sampled_from(
    ["", "a1", "rc1", ".dev0", ".dev1", ".post0", ".post1", "rc1.post1", ".post1.dev0", "+local.1"]
)
_EPOCH = st.sampled_from(["", "", "1!"])
VERSIONS = st.builds(lambda epoch, release, suffix: f"{epoch}{release}{suffix}", _EPOCH, _RELEASE, _SUFFIX)


@st.composite
def _specifiers(draw: st.DrawFn) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        operator = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~=", "==*", "!=*", "==="]))
        epoch, release = draw(_EPOCH), draw(_RELEASE)
        suffix = draw(_SUFFIX.filter(lambda text: not text.startswith("+")))
        if operator.endswith("*"):
            parts.append(f"{operator[:2]}{epoch}{release}.*")
        elif operator == "~=":
            parts.append(f"~={epoch}{release}.{draw(_NUMBER)}{suffix}")
        else:
            parts.append(f"{operator}{epoch}{release}{suffix}")
    return ",".join(parts)


@given(st.lists(VERSIONS, min_size=1, max_size=30), _specifiers())
def test_stretches_are_what_packaging_says_of_each_version(texts: list[str], specifiers: str) -> None:
    versions = sorted({Version(text) for text in texts})
    keys = [version_sort_key(version) for version in versions]
    covered = set(range(len(versions)))
    for stretches in parse_range(specifiers).stretches(keys, [str(version) for version in versions]):
        covered &= {place for low, high in stretches for place in range(low, high)}
    expected = SpecifierSet(specifiers)
    assert {str(versions[place]) for place in covered} == {
        str(version) for version in versions if expected.contains(version, prereleases=True)
    }


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.4.2", "1.4.2", "1.4.3"),
        ("1.4.*", "1.4.99", "1.5"),
        (" >= 1, < 2 ", "1.9", "2"),
        ("", "1.0rc1", None),
        ("*", "7!1", None),
    ],
)
def test_what_people_write(text: str, inside: str, outside: str | None) -> None:
    found = parse_range(text)
    assert found.covers(inside)
    assert outside is None or not found.covers(outside)


@pytest.mark.parametrize("text", ["one", ">=x", "1,2,", "<" * 600, ">=1," * 60 + ">=1", "~=1", "==1.*.2", ">=1.*"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_range(text)
    assert caught.value.code == "versions-invalid"


def test_equal_ranges_are_equal_however_they_are_spelt() -> None:
    assert parse_range(">=1,<2") == parse_range("< 2 , >= 1")
