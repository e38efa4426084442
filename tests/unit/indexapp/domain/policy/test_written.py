from __future__ import annotations

from typing import Any

import pytest

from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.written import read, summary
from tpi_site.kit.errors import Invalid


@pytest.mark.parametrize(
    "given",
    [
        [],
        "x",
        {"project": ["a"]},
        {"projects": "acme"},
        {"projects": ["a b"]},
        {"projects": [1]},
        {"projects": ["x"] * 501},
        {"sources": ["kind:group"]},
        {"versions": 1},
        {"versions": "new"},
        {"younger_than_days": -1},
        {"younger_than_days": True},
        {"younger_than_days": "7"},
        {"younger_than_days": 99999},
        {"vulnerable": 7},
        {"vulnerable": {"severity": 7}},
        {"vulnerable": {"min_severity": 11}},
        {"vulnerable": {"only_with_fix": "yes"}},
        {"licenses_allowed": ["free"]},
        {"license_unknown": False},
        {"yanked": "yes"},
        {"kind": "egg"},
        {"larger_than": -5},
        {"without_attestation": 1},
        {"imports": ["a-b"]},
    ],
)
def test_what_is_no_condition_is_refused(given: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read(given)
    assert caught.value.code == "conditions-invalid"


def test_what_is_empty_asks_nothing() -> None:
    found = read({"projects": [], "versions": "", "kind": None})
    assert (found.projects, found.of_files, found.written) == ((), (), {})


@pytest.mark.parametrize(
    ("effect", "given", "sentence"),
    [
        (Effect.BLOCK, {}, "Block all files."),
        (Effect.HIDE, {"projects": ["Acme_*"]}, "Hide and block files of 'acme-*'."),
        (
            Effect.BLOCK,
            {"younger_than_days": 7, "sources": ["kind:mirror"]},
            "Block files from any mirror index, uploaded less than 7 days ago; also those of which that is not known.",
        ),
        (Effect.ALLOW, {"versions": ">=2", "projects": ["x"]}, "Allow files of 'x', of a version >=2."),
        (
            Effect.HOLD,
            {"vulnerable": {"min_severity": 7, "ids": ["GHSA-1"], "only_with_fix": True}},
            "Hold back, until somebody has looked at them, files with a known vulnerability GHSA-1 of severity 7 or more that has a fix; also those of which that is not known.",
        ),
        (
            Effect.WARN,
            {"kind": "sdist", "yanked": True},
            "Note the use of files that are yanked, that are source distributions.",
        ),
        (Effect.BLOCK, {"larger_than": 10**6}, "Block files of more than 1,000,000 bytes."),
        (Effect.BLOCK, {"license_unknown": True}, "Block files of which no licence expression is known."),
    ],
)
def test_a_rule_says_what_it_does(effect: Effect, given: dict[str, Any], sentence: str) -> None:
    assert summary(effect, read(given), matches_missing=effect is not Effect.ALLOW) == sentence
