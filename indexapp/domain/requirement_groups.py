"""A release's requirements, sorted by the extra that asks for them (PEP 508)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement

from indexapp.domain.names import normalize_name

_EXTRA = re.compile(r"""extra\s*==\s*["']([A-Za-z0-9._-]+)["']""")
_ONLY_EXTRA = re.compile(r"""(?:\A|\s+and\s+)extra\s*==\s*["'][A-Za-z0-9._-]+["']\s*\Z""")


@dataclass(frozen=True)
class ShownRequirement:
    """One requirement: ``name`` as written, ``project`` its PEP 503 form, ``condition`` the marker without the extra.

    A line that cannot be read has its text as ``name`` and an empty ``project``.
    """

    name: str
    project: str = ""
    extras: str = ""
    specifier: str = ""
    url: str = ""
    condition: str = ""


@dataclass(frozen=True)
class RequirementGroup:
    """The requirements of one extra; ``extra`` is empty for those that always hold."""

    extra: str
    requirements: list[ShownRequirement] = field(default_factory=list)


def group_requirements(lines: Iterable[str], extras: Iterable[str] = ()) -> list[RequirementGroup]:
    """The requirements in groups: first those without an extra, then one group for each extra in the order of ``extras``.

    A requirement whose marker names several extras stands in the group of each.
    """
    groups: dict[str, RequirementGroup] = {"": RequirementGroup("")}
    for extra in extras:
        groups.setdefault(normalize_name(extra), RequirementGroup(normalize_name(extra)))
    for line in lines:
        requirement, named = _read(line)
        for extra in named or [""]:
            groups.setdefault(extra, RequirementGroup(extra)).requirements.append(requirement)
    return [group for group in groups.values() if group.extra or group.requirements]


def _read(line: str) -> tuple[ShownRequirement, list[str]]:
    try:
        parsed = Requirement(line)
    except (InvalidRequirement, RecursionError, ValueError):
        return ShownRequirement(line), []
    marker = str(parsed.marker or "")
    extras = f"[{', '.join(sorted(parsed.extras))}]" if parsed.extras else ""
    shown = ShownRequirement(
        parsed.name,
        normalize_name(parsed.name),
        extras,
        str(parsed.specifier),
        parsed.url or "",
        _without_extra(marker),
    )
    return shown, list(dict.fromkeys(normalize_name(name) for name in _EXTRA.findall(marker)))


def _without_extra(marker: str) -> str:
    """The marker without a final ``and extra == "x"``; any other use of the extra is left as it is."""
    shorter = _ONLY_EXTRA.sub("", marker)
    if shorter == marker or " or " not in shorter:
        return _unwrapped(shorter)
    return _unwrapped(shorter) if _is_wrapped(shorter) else marker


def _is_wrapped(text: str) -> bool:
    """Whether one pair of parentheses encloses the whole of ``text``."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place == len(text) - 1 and text.startswith("(")
    return False


def _unwrapped(text: str) -> str:
    return text[1:-1] if _is_wrapped(text) else text
