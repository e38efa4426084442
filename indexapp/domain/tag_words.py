"""What a distribution's file name says about where it installs, in words for people.

Standards: PEP 425 (tags), PEP 600 (manylinux), PEP 656 (musllinux), PEP 384 (abi3), PEP 703 (free threading).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHOWN = 6
_LEGACY_GLIBC = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
_ARCHES = {
    "x86_64": "x86-64",
    "amd64": "x86-64",
    "i686": "x86 (32-bit)",
    "i386": "x86 (32-bit)",
    "aarch64": "ARM64",
    "arm64": "ARM64",
    "armv7l": "ARMv7",
    "armv6l": "ARMv6",
    "universal2": "Intel and Apple silicon",
    "ppc64le": "POWER (little-endian)",
    "s390x": "IBM Z",
    "riscv64": "RISC-V 64",
}
_IMPLEMENTATIONS = {"cp": "CPython", "pp": "PyPy", "ip": "IronPython", "jy": "Jython", "graalpy": "GraalPy"}
_PYTHON = re.compile(r"(cp|pp|ip|jy|py|graalpy)(\d)(\d*)\Z")
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)\Z")
_GLIBC_LEGACY = re.compile(r"(manylinux1|manylinux2010|manylinux2014)_(\w+)\Z")
_MUSL = re.compile(r"musllinux_(\d+)_(\d+)_(\w+)\Z")
_MAC = re.compile(r"macosx_(\d+)_(\d+)_(\w+)\Z")
_PLAIN = re.compile(r"(linux|win|android_\d+)_(\w+)\Z")


def describe_file(filename: str) -> str:
    """Where the file installs, for example ``CPython 3.11 · Linux x86-64 (glibc 2.17+)``; ``Source`` for an sdist.

    A tag that is not known is given as it is written; never raises.
    """
    if not filename.endswith(".whl"):
        return "Source"
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) < 5:  # noqa: PLR2004  name, version and three tags
        return "Wheel"
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return f"{_pythons(pythons, abis)} · {_listed(_platform(tag) for tag in platforms)}"


def _pythons(pythons: list[str], abis: list[str]) -> str:
    words = _listed(_python(tag) for tag in pythons)
    if words == "Python 2, Python 3":
        words = "Python 2 and 3"
    if "abi3" in abis or "abi3t" in abis:
        words += " and newer"
    if any(re.fullmatch(r"cp\d+t", abi) for abi in abis):
        words += " free-threaded"
    return words


def _python(tag: str) -> str:
    match = _PYTHON.match(tag)
    if match is None:
        return tag
    version = f"{match[2]}.{match[3]}" if match[3] else match[2]
    return f"{_IMPLEMENTATIONS.get(match[1], 'Python')} {version}"


def _platform(tag: str) -> str:
    if tag == "any":
        return "any platform"
    if tag == "win32":
        return "Windows x86 (32-bit)"
    if match := _GLIBC.match(tag):
        return f"Linux {_arch(match[3])} (glibc {match[1]}.{match[2]}+)"
    if match := _GLIBC_LEGACY.match(tag):
        return f"Linux {_arch(match[2])} (glibc {_LEGACY_GLIBC[match[1]]}+)"
    if match := _MUSL.match(tag):
        return f"Linux {_arch(match[3])} (musl {match[1]}.{match[2]}+)"
    if match := _MAC.match(tag):
        return f"macOS {match[1]}.{match[2]}+ {_arch(match[3])}"
    if match := _PLAIN.match(tag):
        return f"{_system(match[1])} {_arch(match[2])}"
    return tag


def _system(word: str) -> str:
    if word.startswith("android_"):
        return f"Android API {word.removeprefix('android_')}+"
    return {"linux": "Linux", "win": "Windows"}[word]


def _arch(word: str) -> str:
    return _ARCHES.get(word, word)


def _listed(words: Iterable[str]) -> str:
    """Each once, in the order of the name; a very long list is cut."""
    unique = list(dict.fromkeys(words))
    if len(unique) > _SHOWN:
        return f"{', '.join(unique[:_SHOWN])} and {len(unique) - _SHOWN} more"
    return ", ".join(unique)
