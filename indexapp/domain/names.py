"""Project names: validity, normal form, confusable form, and the names of the standard library.

Standards: the core metadata specification's ``Name`` field (validity) and PEP 503 (normal form).
"""

from __future__ import annotations

import re
import sys
from functools import cache

import stdlib_list

from tpi_site.kit.errors import Invalid

MAX_NAME_LENGTH = 100
"""Characters; longer names break the layouts of clients and consoles, and no known project needs them."""

_VALID = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?\Z", re.IGNORECASE | re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")
_CONFUSABLE = str.maketrans({"l": "1", "i": "1", "o": "0", "-": None, "_": None, ".": None})


def normalize_name(name: str) -> str:
    """Return the PEP 503 normal form: lower case, each run of ``-``, ``_`` and ``.`` as one ``-``."""
    return _SEPARATORS.sub("-", name).lower()


def is_valid_name(name: str) -> bool:
    """Say whether ``name`` is a valid project name of at most ``MAX_NAME_LENGTH`` characters."""
    return len(name) <= MAX_NAME_LENGTH and _VALID.match(name) is not None


def require_valid_name(name: str) -> str:
    """Return ``name`` as it was written; raise :class:`Invalid` (``name-too-long``, ``name-invalid``) otherwise."""
    if len(name) > MAX_NAME_LENGTH:
        raise Invalid(
            f"A project name has at most {MAX_NAME_LENGTH} characters; choose a shorter one.", code="name-too-long"
        )
    if not is_valid_name(name):
        raise Invalid(
            f"{name!a} is not a valid project name: use ASCII letters, digits, '.', '-' and '_', "
            "beginning and ending with a letter or a digit.",
            code="name-invalid",
        )
    return name


def confusable_key(name: str) -> str:
    """Return a key that is equal for names a person could take for each other.

    Separators are dropped, ``l``, ``i`` and ``1`` are one character, ``o`` and ``0`` are one; the idea is that of
    PyPI's 'ultranormalized' names.  Equal normal forms have equal keys.
    """
    return name.lower().translate(_CONFUSABLE)


def is_standard_library_name(name: str) -> bool:
    """Say whether ``name`` normalises to a top-level module of any Python's standard library since 2.6.

    Private modules (their normal form keeps its separator, so no project name equals it) and submodules do not count:
    ``future`` and ``importlib-metadata`` are the names of real projects that nobody mistakes for the module.
    """
    return normalize_name(name) in _standard_library()


def matches_prefix(name: str, prefix: str) -> bool:
    """Say whether ``name`` falls under the reserved ``prefix``: equal to it, or continuing it after a separator.

    Both are normalised first: ``acme`` covers ``acme`` and ``Acme.Tools`` but not ``acmeology``.  An empty prefix
    covers nothing.
    """
    stem = normalize_name(prefix).strip("-")
    candidate = normalize_name(name)
    return bool(stem) and (candidate == stem or candidate.startswith(f"{stem}-"))


@cache
def _standard_library() -> frozenset[str]:
    modules = set(sys.stdlib_module_names)
    for python in stdlib_list.short_versions:
        modules.update(module.partition(".")[0] for module in stdlib_list.stdlib_list(python))
    return frozenset(map(normalize_name, modules))
