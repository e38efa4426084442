"""Conditions as people write them down, as JSON: read, checked, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from indexapp.domain.policy.conditions import (
    Condition,
    Imports,
    Larger,
    Licensed,
    LicenseUnknown,
    OfKind,
    Unattested,
    Versions,
    Vulnerable,
    Yanked,
    Younger,
)
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.licenses import license_ids
from indexapp.domain.policy.name_patterns import NamePattern, import_patterns, project_patterns
from indexapp.domain.policy.version_ranges import parse_range
from tpi_site.kit.errors import Invalid

CODE = "conditions-invalid"
_MOST = 500  # names of a list
_MOST_DAYS = 3650
_KINDS = ("hosted", "mirror")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule asks: of the project by ``projects`` and ``sources`` (none: of every one), of its files by the rest.

    ``written`` is the same as it is kept.
    """

    projects: tuple[NamePattern, ...]
    sources: frozenset[str]
    of_files: tuple[Condition, ...]
    written: Mapping[str, Any]

    @property
    def words(self) -> str:
        """All of it in a sentence's middle: 'files of 'acme-*', uploaded less than 7 days ago'."""
        names = " or ".join(f"'{one.text}'" for one in self.projects)
        sources = " or ".join(sorted(map(_source_words, self.sources)))
        parts = [f"of {names}" if names else "", f"from {sources}" if sources else ""]
        return " ".join(["files", ", ".join([*filter(None, parts), *(one.words for one in self.of_files)])])


def _source_words(source: str) -> str:
    kind = source.removeprefix("kind:")
    return f"any {kind} index" if kind != source else f"'{source}'"


def summary(effect: Effect, conditions: Conditions, *, matches_missing: bool) -> str:
    """The rule in one sentence."""
    begin = {
        Effect.ALLOW: "Allow",
        Effect.WARN: "Note the use of",
        Effect.HOLD: "Hold back, until somebody has looked at them,",
        Effect.BLOCK: "Block",
        Effect.HIDE: "Hide and block",
    }[effect]
    needs = any(isinstance(one, _MAY_MISS) for one in conditions.of_files)
    missing = "; also those of which that is not known" if needs and matches_missing else ""
    which = conditions.words if conditions.of_files or conditions.projects or conditions.sources else "all files"
    return f"{begin} {which}{missing}."


def warning(effect: Effect, conditions: Conditions, *, matches_missing: bool) -> str:
    """What to tell who saves a rule that hides files by what comes with those of mirrors; empty for other rules."""
    if effect is not Effect.HIDE:
        return ""
    late = _NEVER_MISSING if not matches_missing else (*_NEVER_MISSING, Licensed, Imports)
    return _HIDES_FOR_EVER if any(isinstance(one, late) for one in conditions.of_files) else ""


_NEVER_MISSING = (LicenseUnknown, Unattested)
"""Conditions that hold as long as nothing is known, whatever the rule says of missing data."""
_HIDES_FOR_EVER = (
    "Licences, import names and attestations of a mirror's files come when somebody first asks for such a file, and nobody "
    "asks for what is hidden: this rule hides them before anything is known of them. Use block, or the source kind:hosted."
)
_MAY_MISS = (Younger, Vulnerable, Licensed, Imports, Unattested)


def read(given: object) -> Conditions:
    """Check and compile; raises :class:`Invalid` (``conditions-invalid``) with the name of what is wrong."""
    if not isinstance(given, Mapping):
        raise Invalid("Give the conditions as a JSON object.", code=CODE)
    if unknown := set(map(str, given)) - {"projects", "sources", *_READERS}:
        known = ", ".join(["projects", "sources", *_READERS])
        raise Invalid(f"Unknown conditions: {', '.join(sorted(unknown))[:200]}; known ones are {known}.", code=CODE)
    written = {name: value for name, value in given.items() if value not in (None, "", [], {})}
    try:
        projects = project_patterns(_words(written, "projects"))
        sources = _sources(_words(written, "sources"))
        of_files = tuple(_shared(_READERS[name](written[name])) for name in _READERS if name in written)
    except Invalid as error:
        raise Invalid(error.detail, code=CODE) from None
    return Conditions(projects, sources, of_files, written)


def faults(given: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each condition that cannot be read, by its name, or by that of its part (``vulnerable.ids``)."""
    found = {}
    for name, value in given.items():
        try:
            read({name: value})
        except Invalid as error:
            part, is_named, sentence = error.detail.partition(": ")
            is_named = is_named if part.partition(".")[0] == name else ""
            found[part if is_named else name] = f"{sentence[:1].upper()}{sentence[1:]}" if is_named else error.detail
    return found


@lru_cache(maxsize=20_000)
def _shared(condition: Condition) -> Condition:
    """One object for all rules that ask the same: a page asks each object once."""
    return condition


def _words(written: Mapping[str, Any], name: str) -> list[str]:
    return _texts(name, written.get(name, []))


def _texts(name: str, value: object) -> list[str]:
    is_list = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if not is_list or len(value) > _MOST:  # type: ignore[arg-type]  # a list, as was just seen
        raise Invalid(f"{name}: give a list of at most {_MOST} texts.")
    return [one.strip() for one in value]  # type: ignore[attr-defined]  # as above


def _sources(texts: list[str]) -> frozenset[str]:
    for text in texts:
        if text.startswith("kind:") and text.removeprefix("kind:") not in _KINDS:
            raise Invalid(f"sources: {text!a} is unknown; name indexes, or kind:hosted or kind:mirror.")
    return frozenset(texts)


def _number(name: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise Invalid(f"{name}: give a number above 0 and up to {most:g}.")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f"{name}: say true or false.")
    return value


def _only_true(name: str, value: object, made: Condition) -> Condition:
    if value is not True:
        raise Invalid(f"{name}: say true, or leave it out.")
    return made


def _versions(value: object) -> Condition:
    if not isinstance(value, str):
        raise Invalid("versions: give a text such as >=1.2,<2.")
    return Versions(parse_range(value))


def _kind(value: object) -> Condition:
    if value not in ("wheel", "sdist"):
        raise Invalid("kind: say wheel or sdist.")
    return OfKind(value == "wheel")


def _vulnerable(value: object) -> Condition:
    if value is True:
        return Vulnerable()
    if not isinstance(value, Mapping) or set(value) - {"min_severity", "ids", "only_with_fix"}:
        raise Invalid("vulnerable: say true, or give min_severity (0 to 10), ids and only_with_fix.")
    severity = value.get("min_severity", 0)
    if severity != 0:
        severity = _number("vulnerable.min_severity", severity, 10)
    ids = frozenset(_texts("vulnerable.ids", value.get("ids", [])))
    return Vulnerable(severity, ids, _flag("vulnerable.only_with_fix", value.get("only_with_fix", False)))


def _licensed(name: str, value: object, *, are_allowed: bool) -> Condition:
    return Licensed(frozenset(license_ids(_texts(name, value))), are_allowed)


_READERS: dict[str, Callable[[Any], Condition]] = {
    "versions": _versions,
    "younger_than_days": lambda value: Younger(_number("younger_than_days", value, _MOST_DAYS)),
    "vulnerable": _vulnerable,
    "licenses_allowed": lambda value: _licensed("licenses_allowed", value, are_allowed=True),
    "licenses_denied": lambda value: _licensed("licenses_denied", value, are_allowed=False),
    "license_unknown": lambda value: _only_true("license_unknown", value, LicenseUnknown()),
    "yanked": lambda value: Yanked(_flag("yanked", value)),
    "kind": _kind,
    "larger_than": lambda value: Larger(int(_number("larger_than", value, 2**62))),
    "without_attestation": lambda value: _only_true("without_attestation", value, Unattested()),
    "imports": lambda value: Imports(import_patterns(_texts("imports", value))),
}
