"""Which metadata an upload profile takes.

Every profile refuses metadata without a known version, a valid name and a valid version, and values by which installers
decide (``Requires-Python``, ``Requires-Dist``) or which the law reads (licence fields) when they are invalid: uv drops
such files and pip cannot install them, so the uploader has to hear of it.  Two exceptions are made outside the strict
profile, both for old projects that companies bring along, whose artefacts cannot be built again: in metadata before 2.1
(2.0 included, which old wheels carry although no specification was ever accepted), and in fields that build tools wrote
before the version that defines them, an invalid value is left out with a warning.  All else that is odd is a warning.
"""

from __future__ import annotations

import re

from packaging.metadata import InvalidMetadata, Metadata

from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.metadata_fields import ADDED_IN, Problem
from indexapp.domain.metadata_strict import require_strict
from indexapp.domain.names import require_valid_name
from indexapp.domain.profiles import UploadProfile
from indexapp.domain.versions import parse_version
from tpi_site.kit.errors import Invalid

MAX_WARNINGS = 20
"""Warnings that one upload is answered with; the first tell enough."""

_MODERN = (2, 1)
_WITHDRAWN = (2, 0)
_SECOND_MAJOR = re.compile(r"2\.(\d{1,3})\Z", re.ASCII)
_GATING = frozenset({"requires-python", "requires-dist", "license-expression", "license-file"})
_NEVER_REPEATED = frozenset({"metadata-version", "name", "version", "requires-python"})


def check_metadata(meta: CoreMetadata, profile: UploadProfile) -> list[str]:
    """Raise :class:`Invalid` if ``profile`` refuses ``meta``; return the warnings that the uploader should see.

    Codes: ``metadata-version-missing``, ``metadata-version-unknown``, ``name-missing``, ``name-invalid``,
    ``name-too-long``, ``version-missing``, ``version-invalid``, ``<field>-invalid``, ``<field>-repeated``,
    ``metadata-not-utf8``, ``metadata-malformed``, ``license-and-license-expression``; in the strict profile also those
    of :mod:`indexapp.domain.metadata_strict`.
    """
    warnings = _check_metadata_version(meta.metadata_version, profile)
    _check_identity(meta)
    for problem in meta.problems:
        if profile.is_strict or _is_refused(problem, meta.metadata_version):
            raise Invalid(problem.sentence, code=problem.code)
        warnings.append(problem.sentence)
    _check_license(meta, profile)
    if profile.is_strict:
        require_strict(meta)
    return warnings[:MAX_WARNINGS]


def _check_metadata_version(text: str, profile: UploadProfile) -> list[str]:
    if not text:
        raise Invalid(
            "The metadata has no Metadata-Version; build the file with a current tool.", code="metadata-version-missing"
        )
    if _is_known(text):
        return []
    minor = _SECOND_MAJOR.match(text)
    if minor is None or profile.is_strict:
        raise Invalid(
            f"Metadata-Version {text[:20]!a} is not known; build the file with a tool that writes a published version.",
            code="metadata-version-unknown",
        )
    if (2, int(minor[1])) == _WITHDRAWN:
        return []
    return [f"Metadata-Version {text} is newer than this index knows; fields that it adds are not shown."]


def _is_known(text: str) -> bool:
    try:
        return bool(Metadata.from_raw({"metadata_version": text}, validate=False).metadata_version)
    except InvalidMetadata:
        return False


def _check_identity(meta: CoreMetadata) -> None:
    if not meta.name:
        raise Invalid("The metadata has no Name; set the project's name and build the file again.", code="name-missing")
    if not meta.version:
        raise Invalid("The metadata has no Version; set it and build the file again.", code="version-missing")
    require_valid_name(meta.name)
    parse_version(meta.version)


def _is_refused(problem: Problem, metadata_version: str) -> bool:
    if problem.code.endswith("-repeated"):
        return problem.field in _NEVER_REPEATED
    is_gating = problem.field in _GATING or problem.code == "metadata-not-utf8"
    return is_gating and _as_pair(metadata_version) >= max(_MODERN, ADDED_IN.get(problem.field, _MODERN))


def _check_license(meta: CoreMetadata, profile: UploadProfile) -> None:
    """Apply PEP 639: the two fields exclude each other, as of the version that has both."""
    since = ADDED_IN["license-expression"]
    is_bound = profile.is_strict or _as_pair(meta.metadata_version) >= since
    if is_bound and meta.license and meta.license_expression:
        raise Invalid(
            "License and License-Expression are both given; keep License-Expression only.",
            code="license-and-license-expression",
        )


def _as_pair(metadata_version: str) -> tuple[int, int]:
    """Return a checked Metadata-Version as numbers, because 2.10 is newer than 2.9."""
    major, _, minor = metadata_version.partition(".")
    return int(major), int(minor)
