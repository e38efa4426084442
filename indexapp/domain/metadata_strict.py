"""What PyPI refuses beyond the specification, for indexes that hold to PyPI's rules.

The order and the limits are PyPI's; ``Private ::`` classifiers fall out here too, being no trove classifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from trove_classifiers import classifiers as known_classifiers
from trove_classifiers import deprecated_classifiers

from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.versions import parse_version
from tpi_site.kit.errors import Invalid

MAX_SUMMARY_LENGTH = 512
MAX_LABEL_LENGTH = 32

_QUOTED = re.compile(r'"[^"]*"')
_IN_ANGLES = re.compile(r"<([^<>]*)>")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>.]+(?:\.[^@\s<>.]+)+\Z")


def require_strict(meta: CoreMetadata) -> None:
    """Raise :class:`Invalid` for the first rule of PyPI that ``meta`` breaks.

    Codes: ``version-local``, ``summary-too-long``, ``email-invalid``, ``classifier-unknown``,
    ``classifier-deprecated``, ``url-invalid``, ``project-url-label``, ``direct-reference``.  Name, version and single
    values are checked before.
    """
    if parse_version(meta.version).local is not None:
        raise Invalid(f"The use of local versions in {meta.version!a} is not allowed.", code="version-local")
    if len(meta.summary) > MAX_SUMMARY_LENGTH:
        raise Invalid(f"Summary has at most {MAX_SUMMARY_LENGTH} characters; shorten it.", code="summary-too-long")
    _require_addresses("Author-Email", meta.author_email)
    _require_addresses("Maintainer-Email", meta.maintainer_email)
    _require_classifiers(meta.classifiers)
    _require_urls(meta)
    _require_no_direct_references((*meta.requires_dist, *meta.provides_dist, *meta.obsoletes_dist))


def _require_addresses(field: str, value: str) -> None:
    """Check a list of ``name <address>``; by hand, because the standard parser recurses on brackets."""
    if not value:
        return
    for part in _QUOTED.sub("", value).split(","):
        in_angles = _IN_ANGLES.search(part)
        if not _ADDRESS.match(in_angles[1] if in_angles else part.strip()):
            raise Invalid(f"{field} {value[:120]!a} is not a valid e-mail address.", code="email-invalid")


def _require_classifiers(given: Iterable[str]) -> None:
    for classifier in given:
        if classifier in deprecated_classifiers:
            raise Invalid(
                f"Classifier {classifier[:120]!a} is deprecated; use its successor.", code="classifier-deprecated"
            )
        if classifier not in known_classifiers:
            raise Invalid(f"Classifier {classifier[:120]!a} is not a trove classifier.", code="classifier-unknown")


def _require_urls(meta: CoreMetadata) -> None:
    for field, url in (("Home-Page", meta.home_page), ("Download-URL", meta.download_url), *meta.project_urls.items()):
        if url and not _is_web_url(url):
            raise Invalid(f"{field[:40]!a}: {url[:120]!a} is not an http or https URL.", code="url-invalid")
    for label in meta.project_urls:
        if len(label) > MAX_LABEL_LENGTH:
            raise Invalid(f"A Project-URL label has at most {MAX_LABEL_LENGTH} characters.", code="project-url-label")


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _require_no_direct_references(requirements: Iterable[str]) -> None:
    for text in requirements:
        if _is_direct(text):
            raise Invalid(f"Can't have direct dependency: {text[:120]!a}.", code="direct-reference")


def _is_direct(text: str) -> bool:
    if "@" not in text:
        return False
    try:
        return Requirement(text).url is not None
    except InvalidRequirement:
        return False
