"""The rules held against all files at once say what one would say who looks at one file and one rule after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from indexapp.domain.policy import written
from indexapp.domain.policy.batch import FOREVER, Batch
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.facts import ReleaseRows, Source, Unknown, Vulnerabilities, VulnerabilityFact
from indexapp.domain.policy.rules import Chain, Exemption, Rule, Screening
from indexapp.domain.policy.version_ranges import parse_range
from indexapp.domain.timestamps import iso_utc
from indexapp.domain.versions import version_sort_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAIN = Source(1, "main", "hosted")
_numbers = count(1)


@dataclass
class Told(Unknown):
    """Details that are known."""

    license: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signed: frozenset[str] | None = None
    advisories: Vulnerabilities | None = None

    def licenses(self) -> Mapping[str, str]:
        return self.license

    def imports(self) -> Mapping[str, tuple[str, ...]]:
        return self.names

    def attested(self) -> frozenset[str] | None:
        return self.signed

    def vulnerabilities(self) -> Vulnerabilities | None:
        return self.advisories


def release(
    version: str, *, days: float = 100, size: int = 10, yanked: str | None = None, kinds: str = "ws"
) -> ReleaseRows:
    time = iso_utc(NOW - timedelta(days=days)) if days >= 0 else ""
    names = {"w": f"x-{version}-py3-none-any.whl", "s": f"x-{version}.tar.gz"}
    files = [(names[kind], "", "", size, time, None, yanked, None, None) for kind in kinds]
    return version_sort_key(Version(version)), version, files


def rule(effect: str, *, on_missing: bool = True, index_pk: int | None = None, **conditions: Any) -> Rule:
    read, pk = written.read(conditions), next(_numbers)
    return Rule(
        pk, f"rule-{pk}", index_pk, Effect(effect), read.projects, read.sources, read.of_files, on_missing, "", "", NOW
    )


def effects(rules: list[Rule], releases: list[ReleaseRows], details: Unknown | None = None, **more: Any) -> str:
    """The first letter of what became of each file; a dot where no rule says anything."""
    batch = Batch(releases, details or Unknown(), NOW)
    judged = Screening((tuple(rules),), **more).judge(batch)
    found = [judged.rule_for(place) for place in range(batch.starts[-1])]
    words = "".join("." if one is None else one.effect.value[:2] for one in found)
    refused = [one is not None and one.effect.refuses for one in found]
    assert judged.refused == sum(1 << place for place, is_so in enumerate(refused) if is_so)
    assert judged.hidden == sum(1 << place for place, one in enumerate(found) if one and one.effect is Effect.HIDE)
    return words


TWO = [release("1.0"), release("2.0", days=2)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "blblblbl"),
        ({"versions": "<2"}, "blbl.."),
        ({"younger_than_days": 7}, "..blbl"),
        ({"kind": "sdist"}, ".bl.bl"),
        ({"kind": "wheel", "versions": "2.*"}, "..bl."),
        ({"larger_than": 9}, "blblblbl"),
        ({"larger_than": 10}, "...."),
        ({"yanked": True}, "...."),
        ({"yanked": False}, "blblblbl"),
    ],
)
def test_each_condition_narrows(conditions: dict[str, Any], expected: str) -> None:
    assert effects([rule("block", **conditions)], TWO) == expected


def test_a_yanked_file_without_a_reason_is_yanked_all_the_same() -> None:
    assert effects([rule("block", yanked=True)], [release("1", yanked=""), release("2")]) == "blbl.."


@pytest.mark.parametrize(
    ("conditions", "details", "expected"),
    [
        ({"licenses_allowed": ["MIT"]}, Told({"1.0": "MIT", "2.0": "GPL-3.0-only"}), "..blbl"),
        ({"licenses_denied": ["MIT"]}, Told({"1.0": "MIT", "2.0": "GPL-3.0-only"}), "blbl.."),
        ({"license_unknown": True}, Told({"1.0": "MIT"}), "..blbl"),
        ({"imports": ["google.*"]}, Told(names={"1.0": ("google.cloud",), "2.0": ("acme",)}), "blbl.."),
        ({"without_attestation": True}, Told(signed=frozenset({"x-1.0.tar.gz"})), "bl.blbl"),
        ({"vulnerable": True}, Told(advisories={"2": (VulnerabilityFact("A"),)}), "..blbl"),
        ({"vulnerable": {"min_severity": 7}}, Told(advisories={"2": (VulnerabilityFact("A", severity=5.0),)}), "...."),
        ({"vulnerable": {"min_severity": 7}}, Told(advisories={"2": (VulnerabilityFact("A"),)}), "..blbl"),
        ({"vulnerable": {"ids": ["C"]}}, Told(advisories={"2": (VulnerabilityFact("A", ("C",)),)}), "..blbl"),
        ({"vulnerable": {"ids": ["B"]}}, Told(advisories={"2": (VulnerabilityFact("A", ("C",)),)}), "...."),
        ({"vulnerable": {"only_with_fix": True}}, Told(advisories={"2": (VulnerabilityFact("A"),)}), "...."),
        ({"vulnerable": True}, Told(advisories={}), "...."),
    ],
)
def test_conditions_on_what_else_is_known(conditions: dict[str, Any], details: Told, expected: str) -> None:
    assert effects([rule("block", **conditions)], TWO, details) == expected


@pytest.mark.parametrize(
    "conditions",
    [
        {"licenses_allowed": ["MIT"]},
        {"imports": ["x"]},
        {"without_attestation": True},
        {"vulnerable": True},
    ],
)
def test_where_data_are_missing_a_rule_fails_closed_or_as_it_says(conditions: dict[str, Any]) -> None:
    assert effects([rule("hide", **conditions)], TWO) == "hihihihi"
    assert effects([rule("hide", on_missing=False, **conditions)], TWO) == "...."


def test_a_file_of_unknown_age_counts_as_young_unless_the_rule_says_otherwise() -> None:
    undated = [release("1.0", days=-1)]
    assert effects([rule("block", younger_than_days=7)], undated) == "blbl"
    assert effects([rule("block", on_missing=False, younger_than_days=7)], undated) == ".."


def test_the_first_rule_that_matches_decides_and_a_warning_does_not() -> None:
    rules = [rule("warn"), rule("allow", versions="2.0"), rule("hold", kind="sdist"), rule("block")]
    assert effects(rules, TWO) == "blhowawa"


def test_of_two_chains_the_stricter_answer_holds() -> None:
    batch = Batch(TWO, Unknown(), NOW)
    screening = Screening(((rule("allow"),), (rule("hide", versions="1.0"), rule("block", kind="sdist"))))
    judged = screening.judge(batch)
    assert (bin(judged.hidden), bin(judged.refused)) == ("0b11", "0b1011")


def _until(rules: list[Rule], releases: list[ReleaseRows], **more: Any) -> float:
    return Screening((tuple(rules),), **more).judge(Batch(releases, Unknown(), NOW)).until


def test_it_holds_until_the_first_file_is_old_enough() -> None:
    releases = [release("1", days=6), release("2", days=1), release("3", days=20)]
    rules = [rule("block", younger_than_days=7)]
    assert _until(rules, releases) == (NOW + timedelta(days=1)).timestamp()
    assert _until(rules, releases[2:]) == FOREVER


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"])
def test_whatever_time_a_file_says_it_is_judged(time: str) -> None:
    key, version, files = release("1")
    said = [(key, version, [(*file[:4], time, *file[5:]) for file in files])]
    is_young = time > "2026"
    assert effects([rule("block", younger_than_days=3650)], said) == ("blbl" if is_young else "..")
    assert (_until([rule("block", younger_than_days=3650)], said) > NOW.timestamp()) is True


def _exemption(versions: str, rule_pk: int | None, *, index_pk: int | None = None, hours: float = 1) -> Exemption:
    return Exemption(next(_numbers), index_pk, "x", parse_range(versions), rule_pk, NOW + timedelta(hours=hours))


def test_an_exception_lifts_its_rule_for_its_versions_until_it_ends() -> None:
    block, hide = rule("block"), rule("hide", kind="sdist")
    lifted = _exemption("1.*", block.pk)
    assert effects([block, hide], TWO, exemptions=(lifted,)) == ".hiblbl"
    assert _until([block], TWO, exemptions=(lifted,)) == lifted.expires_at.timestamp()
    assert effects([block, hide], TWO, exemptions=(_exemption("1.*", block.pk, hours=-1),)) == "blblblbl"


def test_an_exception_from_every_rule_of_an_index_is_from_no_other_indexs() -> None:
    own, of_all, other = rule("block", index_pk=1), rule("block"), rule("hide", index_pk=2)
    assert effects([own, of_all], TWO, exemptions=(_exemption("", None, index_pk=1),)) == "...."
    assert effects([other, of_all], TWO, exemptions=(_exemption("", None, index_pk=1),)) == "hihihihi"
    assert effects([other, of_all], TWO, exemptions=(_exemption("", None),)) == "...."


def test_what_was_approved_passes_the_rule_that_held_it_and_no_other() -> None:
    hold, block = rule("hold"), rule("block", kind="sdist")
    assert effects([hold, block], TWO, approved=((hold.pk, "1.0", None),)) == ".blhoho"


@pytest.mark.parametrize("effect", ["hold", "block", "hide"])
@pytest.mark.parametrize("is_approved", [False, True])
def test_what_lifts_a_rule_of_an_index_lifts_none_of_all(effect: str, is_approved: bool) -> None:
    """Also where the index allows what its rule left: that was not said of what the rule kept back."""
    own, allow, of_all = rule(effect, index_pk=1, versions="1.*"), rule("allow", index_pk=1), rule("block")
    lifted: Any = {"approved": ((own.pk, "1.0", None),)}
    if not is_approved:
        lifted = {"exemptions": (_exemption("1.0", own.pk, index_pk=1),)}
    kept = own.effect.value[:2] * 2
    releases = [release("1.0"), release("1.1"), release("2.0")]
    assert effects([own, allow, of_all], releases, **lifted) == f"blbl{kept}alal"
    assert effects([own, allow], releases, **lifted) == f"alal{kept}alal"
    assert effects([own, of_all], releases, **lifted) == f"blbl{kept}blbl"
    assert effects([own, rule("allow"), of_all], releases, **lifted) == f"alal{kept}alal", "the company's own order"
    everything = _exemption("1.0", None, index_pk=1)
    assert effects([own, allow, of_all], releases, exemptions=(everything,)) == f"..{kept}alal"
    narrow = rule("warn", index_pk=1), rule("hide", index_pk=1, kind="sdist")
    assert effects([own, *narrow, allow, of_all], releases, **lifted) == f"blhi{kept}wahi"


@pytest.mark.parametrize(
    ("patterns", "name", "does"),
    [
        (["acme-tool"], "acme-tool", True),
        (["Acme.Tool"], "acme-tool", True),
        (["acme-tool"], "acme-tools", False),
        (["acme-*"], "acme-tools", True),
        (["acme-*"], "acme", False),
        (["*"], "anything", True),
        (["*-internal"], "x-internal", True),
        (["a?c"], "abc", True),
        (["a?c"], "abbc", False),
        (["other", "acme*"], "acme", True),
        ([], "acme", True),
    ],
)
def test_rules_are_found_by_the_name_of_the_project(patterns: list[str], name: str, does: bool) -> None:
    chain = Chain([rule("block", projects=["unrelated"]), rule("block", projects=patterns)])
    assert bool(chain.concerning(name, MAIN)) is does


@pytest.mark.parametrize(
    ("sources", "does"),
    [([], True), (["main"], True), (["pypi"], False), (["kind:hosted"], True), (["kind:mirror", "main"], True)],
)
def test_rules_are_found_by_where_the_project_lies(sources: list[str], does: bool) -> None:
    assert bool(Chain([rule("block", sources=sources)]).concerning("x", MAIN)) is does


def test_rules_that_concern_a_project_stay_in_order() -> None:
    rules = [
        rule("block", projects=["b*"]),
        rule("block"),
        rule("block", projects=["*b"]),
        rule("block", projects=["b"]),
    ]
    assert Chain(rules).concerning("b", MAIN) == tuple(rules)


def test_whether_a_project_is_hidden_as_a_whole() -> None:
    hide = rule("hide", projects=["x"])
    assert Screening(((hide,),)).hides_all() is True
    assert Screening(((rule("warn"), hide),)).hides_all() is True
    assert Screening(((rule("block"), hide),)).hides_all() is None
    assert Screening(((rule("block"),),)).hides_all() is False
    assert Screening(((hide,),), (_exemption("1", None),)).hides_all() is None


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "versions": st.sampled_from(["<2", ">=1.1", "1.*", "!=1.0"]),
        "younger_than_days": st.sampled_from([3, 10, 50]),
        "kind": st.sampled_from(["wheel", "sdist"]),
        "larger_than": st.sampled_from([5, 15]),
        "yanked": st.booleans(),
        "licenses_allowed": st.just(["MIT"]),
        "without_attestation": st.just(True),
    },
)
RELEASES = st.lists(
    st.tuples(
        st.sampled_from(["1.0", "1.1", "1.2rc1", "2.0", "2.1", "3.0.post1"]),
        st.sampled_from([-1, 1, 5, 30, 100]),
        st.sampled_from([1, 10, 20]),
        st.sampled_from([None, "", "bad"]),
        st.sampled_from(["w", "s", "ws"]),
        st.sampled_from([None, "MIT", "GPL-3.0-only"]),
    ),
    max_size=6,
    unique_by=lambda row: row[0],
)


@given(
    RELEASES,
    st.lists(st.tuples(st.sampled_from([effect.value for effect in Effect]), CONDITIONS, st.booleans()), max_size=6),
)
def test_all_at_once_is_one_after_the_other(rows: list[Any], given_rules: list[Any]) -> None:
    rows = sorted(rows, key=lambda row: Version(row[0]))
    releases = [release(row[0], days=row[1], size=row[2], yanked=row[3], kinds=row[4]) for row in rows]
    licenses = {row[0]: row[5] for row in rows if row[5]}
    signed = frozenset({"x-1.0.tar.gz", "x-2.0-py3-none-any.whl"})
    rules = [rule(effect, on_missing=missing, **conditions) for effect, conditions, missing in given_rules]
    together = effects(rules, releases, Told(licenses, signed=signed))
    alone = "".join(
        effects(rules, [(key, version, [file])], Told(licenses, signed=signed))
        for key, version, files in releases
        for file in files
    )
    assert together == alone
    assert together == "".join(
        _slowly(rules, given_rules, row, kind, licenses, signed) for row in rows for kind in row[4]
    )


def _slowly(rules: list[Rule], given_rules: list[Any], row: Any, kind: str, licenses: Any, signed: Any) -> str:
    warned = None
    for _, (effect, conditions, missing) in zip(rules, given_rules, strict=True):
        if all(_holds(name, value, missing, row, kind, licenses, signed) for name, value in conditions.items()):
            if effect != "warn":
                return effect[:2] if effect != "allow" or warned is None else "wa"
            warned = effect
    return "wa" if warned else "."


def _holds(name: str, value: Any, missing: bool, row: Any, kind: str, licenses: Any, signed: Any) -> bool:
    version, days, size, yanked, _, _ = row
    filename = f"x-{version}-py3-none-any.whl" if kind == "w" else f"x-{version}.tar.gz"
    if name == "versions":
        return parse_range(value).covers(version)
    if name == "younger_than_days":
        return missing if days < 0 else days < value
    if name == "licenses_allowed":
        return missing if version not in licenses else licenses[version] not in value
    return {
        "kind": (kind == "w") == (value == "wheel"),
        "larger_than": isinstance(value, int) and size > value,
        "yanked": (yanked is not None) == value,
        "without_attestation": filename not in signed,
    }[name]
