from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.copy_filter import Copied, CopyFilter
from indexapp.domain.replication.holding import EVERYTHING, Hold, fitting, read

FILES = [
    Copied(1, "tool-1.0.tar.gz", "1.0", 10),
    Copied(2, "tool-1.0-py3-none-any.whl", "1.0", 10),
    Copied(3, "tool-2.0-cp312-cp312-win_amd64.whl", "2.0", 10),
    Copied(4, "tool-2.0-cp312-cp312-manylinux_2_17_x86_64.whl", "2.0", 10),
    Copied(5, "tool-3.0rc1-py3-none-any.whl", "3.0rc1", 10),
]


@pytest.mark.parametrize(
    ("hold", "keys"),
    [
        (Hold(), {1, 2, 3, 4, 5}),
        (Hold(indexes=["main"]), {1, 2, 3, 4, 5}),
        (Hold(indexes=["team-*"]), set()),
        (Hold(indexes=["m*"], without=["main"]), set()),
        (Hold(files=CopyFilter(exclude=["to*"], with_prereleases=True)), set()),
        (Hold(files=CopyFilter(newest=1, with_prereleases=True)), {5}),
        (Hold(files=CopyFilter(newest=1)), {3, 4}),
        (Hold(files=CopyFilter(platforms=["windows-amd64"], with_prereleases=True)), {1, 2, 3, 5}),
        (Hold(files=CopyFilter(with_sdists=False, max_file_size=9, with_prereleases=True)), set()),
    ],
)
def test_what_is_chosen(hold: Hold, keys: set[int]) -> None:
    assert hold.choose("main", "tool", FILES) == keys
    assert read(hold.as_json()).as_json() == hold.as_json()
    assert read(hold.as_json()).choose("main", "tool", FILES) == keys


def test_only_what_lets_everything_through_is_all() -> None:
    assert Hold().is_all
    assert read({}).is_all
    assert read(Hold().as_json()).is_all
    assert Hold(files=EVERYTHING).takes_whole_projects
    assert not Hold(indexes=["main"]).is_all
    assert not Hold(files=CopyFilter(include=["a*"], with_prereleases=True)).is_all
    assert not Hold(files=CopyFilter()).is_all, "it leaves pre-releases out"


@given(st.lists(st.integers(0, 100)), st.integers(0, 300))
def test_a_budget_is_never_passed_and_leaves_out_only_what_does_not_fit(sizes: list[int], room: int) -> None:
    decided = list(fitting(enumerate(sizes), room))
    assert [key for key, _, _ in decided] == list(range(len(sizes)))
    left = room
    for key, fits, then in decided:
        assert fits == (sizes[key] <= left)
        left -= sizes[key] if fits else 0
        assert then == left >= 0
