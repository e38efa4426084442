"""The machines that files are fetched for: a Python and a platform.

Machines of one platform differ in the age of their system, and the newest wheel does not run on the oldest of them.  So a
target stands for several: of each the list of tags that it takes, the best first (PEP 425, 600, 656).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from indexapp.domain.locks.wanted import shown
from tpi_site.kit.errors import Invalid

_GLIBC = (17, 28, 31, 35, 39)
"""Minor versions of glibc 2 that machines in use have."""
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_MUSL = (1, 2)
_MACOS = {"arm64": (11, 13, 15), "x86_64": (10, 13, 15)}
_OF_MACOS_10 = 15
_PYTHON = re.compile(r"3\.([0-9]{1,2})\Z")
_OLDEST_PYTHON = 6
_LATEST_PATCH = 20
"""A patch release that asks of whoever wants a certain one or later."""
_MOST = 60

PLATFORMS: dict[str, tuple[str, str, str, str]] = {
    "linux-x86_64": ("posix", "linux", "x86_64", "Linux"),
    "linux-aarch64": ("posix", "linux", "aarch64", "Linux"),
    "musllinux-x86_64": ("posix", "linux", "x86_64", "Linux"),
    "musllinux-aarch64": ("posix", "linux", "aarch64", "Linux"),
    "macos-arm64": ("posix", "darwin", "arm64", "Darwin"),
    "macos-x86_64": ("posix", "darwin", "x86_64", "Darwin"),
    "windows-amd64": ("nt", "win32", "AMD64", "Windows"),
}
"""By name: what markers are told as ``os_name``, ``sys_platform``, ``platform_machine`` and ``platform_system``."""


@dataclass(frozen=True, slots=True)
class Target:
    """A Python such as ``3.12`` on one of :data:`PLATFORMS`."""

    python: str
    platform: str

    def __str__(self) -> str:
        return f"{self.python} {self.platform}"


def targets_of(pythons: list[str], platforms: list[str]) -> list[Target]:
    """Every Python on every platform; refuses what is not known."""
    if not pythons or not platforms:
        raise Invalid("Name at least one version of Python and one platform.", code="target-unknown")
    for python in pythons:
        found = _PYTHON.match(python)
        if found is None or int(found[1]) < _OLDEST_PYTHON:
            raise Invalid(f"{shown(python)} is not a version of Python such as '3.12'.", code="target-unknown")
    for platform in platforms:
        if platform not in PLATFORMS:
            raise Invalid(
                f"{shown(platform)} is not a platform that is known: {', '.join(PLATFORMS)}.", code="target-unknown"
            )
    found_targets = [
        Target(python, platform) for python in dict.fromkeys(pythons) for platform in dict.fromkeys(platforms)
    ]
    if len(found_targets) > _MOST:
        raise Invalid(f"These are more than {_MOST} targets; divide them.", code="target-unknown")
    return found_targets


def applies(markers: tuple[str, ...], target: Target) -> bool:
    """Whether one of the markers holds there.

    What depends on extras or groups counts as wanted: which of them somebody installs is not known.
    """
    return not markers or any(_holds(marker, target) for marker in markers)


@cache
def _parsed(marker: str) -> Marker:
    return Marker(marker)


def _holds(marker: str, target: Target) -> bool:
    if re.search(r"\b(?:extras?|dependency_groups)\b", marker):
        return True
    try:
        return _parsed(marker).evaluate(dict(_environment(target)))
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return True


def _environment(target: Target) -> dict[str, str]:
    os_name, sys_platform, machine, system = PLATFORMS[target.platform]
    full = f"{target.python}.{_LATEST_PATCH}"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_full_version": full,
        "python_version": target.python,
        "sys_platform": sys_platform,
        "extra": "",
    }


def takes_python(requires_python: str, target: Target) -> bool:
    """Whether what a file requires of Python is met; nonsense counts as no requirement, as installers have it."""
    try:
        specifier = SpecifierSet(requires_python)
    except ValueError:
        return True
    return specifier.contains(f"{target.python}.{_LATEST_PATCH}", prereleases=True)


@cache
def machines(target: Target) -> tuple[dict[Tag, int], ...]:
    """For each age of machine the tags that it takes, by their rank: lower is better."""
    major, minor = (int(part) for part in target.python.split("."))
    interpreter = f"cp{major}{minor}"
    found = []
    for platforms in _platforms(target.platform):
        tags = [
            *cpython_tags((major, minor), [interpreter], platforms),
            *compatible_tags((major, minor), interpreter, platforms),
        ]
        found.append({tag: rank for rank, tag in reversed(list(enumerate(tags)))})
    return tuple(found)


def _platforms(name: str) -> list[list[str]]:
    system, _, machine = name.partition("-")
    if system == "linux":
        return [_manylinux(newest, machine) for newest in _GLIBC]
    if system == "musllinux":
        return [
            [*(f"musllinux_1_{minor}_{machine}" for minor in range(newest, 0, -1)), f"linux_{machine}"]
            for newest in _MUSL
        ]
    if system == "macos":
        return [list(mac_platforms(_macos(version), machine)) for version in _MACOS[machine]]
    return [["win_amd64"]]


def _macos(version: int) -> tuple[int, int]:
    return (10, _OF_MACOS_10) if version == 10 else (version, 0)  # noqa: PLR2004  the last that counted by its second number


def _manylinux(newest: int, machine: str) -> list[str]:
    found = []
    for minor in range(newest, _OLDEST_GLIBC[machine] - 1, -1):
        found.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY:
            found.append(f"{_LEGACY[minor]}_{machine}")
    return [*found, f"linux_{machine}"]
