"""The fields of core metadata, one by one: which there are, and what makes a value of each valid.

Standard: the core metadata specification.  The rules of single values are those of :mod:`packaging.metadata`; each
value is judged alone, so that one bad line of an old project costs that line and not the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.metadata import Metadata, RawMetadata

from indexapp.domain.names import normalize_name
from indexapp.domain.versions import MAX_NUMBER_LENGTH

SINGLE_FIELDS: Mapping[str, str] = {
    "metadata-version": "metadata_version",
    "name": "name",
    "version": "version",
    "summary": "summary",
    "description": "description",
    "description-content-type": "description_content_type",
    "keywords": "keywords",
    "home-page": "home_page",
    "download-url": "download_url",
    "author": "author",
    "author-email": "author_email",
    "maintainer": "maintainer",
    "maintainer-email": "maintainer_email",
    "license": "license",
    "license-expression": "license_expression",
    "requires-python": "requires_python",
}
"""Fields with one value: lower-case field name to attribute of ``CoreMetadata``."""

LIST_FIELDS: Mapping[str, str] = {
    "license-file": "license_files",
    "classifier": "classifiers",
    "platform": "platforms",
    "supported-platform": "supported_platforms",
    "requires-dist": "requires_dist",
    "requires-external": "requires_external",
    "provides-dist": "provides_dist",
    "provides-extra": "provides_extra",
    "obsoletes-dist": "obsoletes_dist",
    "requires": "requires",
    "provides": "provides",
    "obsoletes": "obsoletes",
    "dynamic": "dynamic",
    "import-name": "import_names",
    "import-namespace": "import_namespaces",
}
"""Fields that may be repeated; ``project-url`` is the one that becomes a mapping."""

ADDED_IN: Mapping[str, tuple[int, int]] = {"license-expression": (2, 4), "license-file": (2, 4)}
"""The metadata version that gave a field its rules, where build tools wrote the field in earlier versions already."""

LICENSE_TEXT_LENGTH = 512 * 1024
"""Characters of ``License``, which some projects fill with the whole texts of many licences."""

MAX_VALUE_LENGTH = 16 * 1024
"""Characters of one value of any other field but the description."""

MAX_CONTENT_TYPE_LENGTH = 200
"""Characters of ``Description-Content-Type``, which is a media type and two parameters."""

MAX_VALUES = 5000
"""Values of one repeated field; the longest known list of requirements has about 1,500."""

MAX_REQUIREMENTS_LENGTH = 256 * 1024
"""Characters of all ``Requires-Dist`` together: their markers take long to read."""

_MAX_NESTING = 20
_LONG_NUMBER = re.compile(rf"\d{{{MAX_NUMBER_LENGTH + 1}}}")
_CONTENT_TYPES = frozenset({"text/plain", "text/x-rst", "text/markdown"})
_MARKDOWN_VARIANTS = frozenset({"gfm", "commonmark"})


@dataclass(frozen=True)
class Problem:
    """A value that broke its field's rule and was left out, or a doubt about the whole file.

    ``field`` is the lower-case field name, or '' for the file; ``code`` is that of the refusal it may become.
    """

    field: str
    code: str
    sentence: str


def display_name(field: str) -> str:
    """Return a field's name as the specification writes it: ``requires-dist`` is ``Requires-Dist``."""
    return "-".join(word.upper() if word == "url" else word.capitalize() for word in field.split("-"))


def invalid_value(field: str, value: str, rule: str) -> Problem:
    """Return the problem of one ``value`` of ``field`` that breaks ``rule``."""
    return Problem(field, f"{field}-invalid", f"{display_name(field)} {value[:120]!a} is invalid: {rule}.")


def clean_value(field: str, value: str) -> str:
    """Return ``value`` in the form in which it is kept; raise :class:`ValueError` if it breaks the field's rule."""
    clean = _CLEANERS.get(field)
    return value if clean is None else clean(value)


def rule_of(field: str) -> str:
    """Return the words that finish 'is invalid: ...' for ``field``."""
    return _RULES.get(field, "it breaks the core metadata specification")


def _judged(attribute: str, value: str | list[str]) -> Any:
    """Return the enriched value as :mod:`packaging.metadata` reads it; any misfit raises :class:`ValueError`.

    Its parsers recurse on brackets and turn runs of digits into integers, so both are bounded before.
    """
    text = value if isinstance(value, str) else value[0]
    if text.count("(") > _MAX_NESTING or _LONG_NUMBER.search(text):
        raise ValueError(text)
    raw = RawMetadata()
    raw[attribute] = value  # type: ignore[literal-required]
    return getattr(Metadata.from_raw(raw, validate=False), attribute)


def _requirement(value: str) -> str:
    _judged("requires_dist", [value])
    return value


def _requires_python(value: str) -> str:
    _judged("requires_python", value)
    return value


def _license_expression(value: str) -> str:
    return str(_judged("license_expression", value))


def _license_file(value: str) -> str:
    _judged("license_files", [value])
    return value


def _extra(value: str) -> str:
    _judged("provides_extra", [value])
    return normalize_name(value)


def _dynamic(value: str) -> str:
    return str(_judged("dynamic", [value])[0])


def _import_name(value: str) -> str:
    if value:
        _judged("import_names", [value])
    return value


def _content_type(value: str) -> str:
    """Judged here, because the e-mail package's parser of such headers raises much else on malformed ones."""
    if len(value) > MAX_CONTENT_TYPE_LENGTH:
        raise ValueError(value)
    kind, *parameters = (part.strip().lower() for part in value.split(";"))
    pairs = {name.strip(): text.strip().strip('"') for name, _, text in (part.partition("=") for part in parameters)}
    if kind not in _CONTENT_TYPES or pairs.get("charset", "utf-8") != "utf-8":
        raise ValueError(value)
    if kind == "text/markdown" and pairs.get("variant", "gfm") not in _MARKDOWN_VARIANTS:
        raise ValueError(value)
    return value


_CLEANERS: Mapping[str, Callable[[str], str]] = {
    "requires-dist": _requirement,
    "requires-python": _requires_python,
    "license-expression": _license_expression,
    "license-file": _license_file,
    "provides-extra": _extra,
    "dynamic": _dynamic,
    "import-name": _import_name,
    "import-namespace": _import_name,
    "description-content-type": _content_type,
}

_RULES: Mapping[str, str] = {
    "requires-dist": "write a requirement as PEP 508 says, for example name>=1.0",
    "requires-python": "write version specifiers as PEP 440 says, for example >=3.11",
    "license-expression": "write an SPDX expression with known identifiers, or LicenseRef-... for your own",
    "license-file": "write a relative path with '/' and without '..' and '*'",
    "provides-extra": "an extra's name follows the rules of project names",
    "dynamic": "name a metadata field other than Name, Version and Metadata-Version",
    "import-name": "write a dotted module name, which may end in '; private'",
    "import-namespace": "write a dotted module name, which may end in '; private'",
    "description-content-type": "use text/plain, text/x-rst or text/markdown, in UTF-8",
    "project-url": "write a label, a comma and a URL, each label once",
}
