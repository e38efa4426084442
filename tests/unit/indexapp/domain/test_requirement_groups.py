from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.requirement_groups import ShownRequirement, group_requirements


def _shown(*lines: str, extras: tuple[str, ...] = ()) -> dict[str, list[ShownRequirement]]:
    return {group.extra: group.requirements for group in group_requirements(lines, extras)}


def test_requirements_without_an_extra_come_first() -> None:
    groups = group_requirements(["sphinx; extra == 'docs'", "click>=8,<9", "furo ; extra == 'docs'"], ["docs"])

    assert [group.extra for group in groups] == ["", "docs"]
    assert [one.name for one in groups[1].requirements] == ["sphinx", "furo"]


def test_a_requirement_is_taken_apart() -> None:
    (one,) = _shown("Requests[socks,security] >=2.31 ; python_version < '3.12'")[""]

    assert one == ShownRequirement("Requests", "requests", "[security, socks]", ">=2.31", "", 'python_version < "3.12"')


@pytest.mark.parametrize(
    ("marker", "condition"),
    [
        ("extra == 'docs'", ""),
        ("python_version >= '3.10' and extra == 'docs'", 'python_version >= "3.10"'),
        ("(python_version >= '3.10') and extra == 'docs'", 'python_version >= "3.10"'),
        (
            "(os_name == 'nt' or os_name == 'posix') and extra == 'docs'",
            'os_name == "nt" or os_name == "posix"',
        ),
        ("os_name == 'nt' or extra == 'docs'", 'os_name == "nt" or extra == "docs"'),
        (
            "os_name == 'nt' or os_name == 'posix' and extra == 'docs'",
            'os_name == "nt" or os_name == "posix" and extra == "docs"',
        ),
    ],
)
def test_the_condition_leaves_out_the_extra_only_where_it_may(marker: str, condition: str) -> None:
    (one,) = _shown(f"furo; {marker}")["docs"]

    assert one.condition == condition


def test_a_requirement_of_two_extras_is_in_both_groups() -> None:
    groups = _shown("numpy; extra == 'fast' or extra == 'all'")

    assert [one.name for one in groups["fast"]] == [one.name for one in groups["all"]] == ["numpy"]


def test_an_extra_that_asks_for_nothing_is_named() -> None:
    assert _shown(extras=("Fast_Mode",)) == {"fast-mode": []}


def test_a_url_is_kept() -> None:
    (one,) = _shown("pip @ https://tpi.example/pip.whl")[""]

    assert (one.name, one.url) == ("pip", "https://tpi.example/pip.whl")


@given(st.lists(st.text()))
def test_an_unreadable_line_stays_as_it_is(lines: list[str]) -> None:
    total = sum(len(group.requirements) for group in group_requirements(lines))

    assert total >= len(lines)
    assert group_requirements(["=="])[0].requirements == [ShownRequirement("==")]
