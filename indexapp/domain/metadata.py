"""Core metadata, read from the METADATA or PKG-INFO file of an artefact.

Standard: the core metadata specification, versions 1.0 to the newest that :mod:`packaging` knows, and later minor ones.

Reading never judges: a value that breaks its field's rule is left out and remembered as a :class:`Problem`, and
:mod:`indexapp.domain.metadata_rules` says which problems an upload profile refuses.  A mirror, which has to take what
its upstream has, reads without judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from indexapp.domain.metadata_fields import (
    LICENSE_TEXT_LENGTH,
    LIST_FIELDS,
    MAX_REQUIREMENTS_LENGTH,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    SINGLE_FIELDS,
    Problem,
    clean_value,
    display_name,
    invalid_value,
    rule_of,
)
from indexapp.domain.metadata_headers import Headers, read_headers
from indexapp.domain.names import normalize_name
from tpi_site.kit.errors import TooLarge

_UNKNOWN = "UNKNOWN"
_KEEPS_LINES = frozenset({"description", "license"})


@dataclass(frozen=True)
class CoreMetadata:
    """The metadata of one artefact in plain types; absent fields are empty.

    ``name`` and ``version`` are as written; ``license_expression``, ``provides_extra`` and ``dynamic`` are in their
    normal forms; all else is the author's text.  ``import_names`` holds one empty text where the artefact says that it
    offers no module.  ``problems`` are not part of the metadata: they are neither compared nor stored.
    """

    metadata_version: str = ""
    name: str = ""
    version: str = ""
    summary: str = ""
    description: str = ""
    description_content_type: str = ""
    keywords: str = ""
    home_page: str = ""
    download_url: str = ""
    author: str = ""
    author_email: str = ""
    maintainer: str = ""
    maintainer_email: str = ""
    license: str = ""
    license_expression: str = ""
    license_files: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    supported_platforms: tuple[str, ...] = ()
    requires_python: str = ""
    requires_dist: tuple[str, ...] = ()
    requires_external: tuple[str, ...] = ()
    provides_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    obsoletes_dist: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    obsoletes: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    import_names: tuple[str, ...] = ()
    import_namespaces: tuple[str, ...] = ()
    project_urls: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def normalized_name(self) -> str:
        """The name's PEP 503 form."""
        return normalize_name(self.name)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that have a value, under the attributes' names, in types that JSON has."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "problems"}
        return {name: _plain(value) for name, value in values.items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CoreMetadata:
        """Return what :meth:`as_json` stored; keys of other versions of this program are passed over."""
        known = {one.name for one in fields(cls)} - {"problems"}
        return cls(**{name: _frozen(value) for name, value in stored.items() if name in known})


def parse_metadata(raw: bytes) -> CoreMetadata:
    """Read the bytes of a METADATA or PKG-INFO file.

    Raises :class:`Invalid` (``metadata-nul``) and :class:`TooLarge` (``metadata-too-large``); nothing else, whatever
    the bytes.  Values ``UNKNOWN`` (written by distutils for 'not given') and empty values count as absent.
    """
    headers = read_headers(raw)
    problems = list(_file_problems(headers))
    values: dict[str, Any] = {}
    for name, attribute in SINGLE_FIELDS.items():
        values[attribute] = _single(headers, name, problems)
    for name, attribute in LIST_FIELDS.items():
        values[attribute] = tuple(_kept(name, _values(headers, name), problems))
    values["description"] = _body(headers) or values["description"]
    values["project_urls"] = _project_urls(_values(headers, "project-url"), problems)
    return CoreMetadata(**values, problems=tuple(problems))


def _plain(value: str | tuple[str, ...] | Mapping[str, str]) -> str | list[str] | dict[str, str]:
    if isinstance(value, str):
        return value
    return dict(value) if isinstance(value, Mapping) else list(value)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _file_problems(headers: Headers) -> Iterable[Problem]:
    if not headers.is_utf8:
        yield Problem("", "metadata-not-utf8", "The metadata is not UTF-8; build the file again with a current tool.")
    if headers.has_stray_text:
        yield Problem(
            "",
            "metadata-malformed",
            "A line among the metadata fields is no field, so later fields count as description.",
        )


def _body(headers: Headers) -> str:
    body = headers.body.strip("\r\n")
    return "" if body.strip() in ("", _UNKNOWN) else body


def _values(headers: Headers, name: str) -> list[str]:
    """Return the values of a field that say something, within the limits of count and length."""
    found = [value if name in _KEEPS_LINES else " ".join(value.split()) for value in headers.fields.get(name, ())]
    limit = LICENSE_TEXT_LENGTH if name in _KEEPS_LINES else MAX_VALUE_LENGTH
    if len(found) > MAX_VALUES or (name != "description" and any(len(value) > limit for value in found)):
        raise TooLarge(
            f"{display_name(name)} has at most {MAX_VALUES} values of {limit} characters each; shorten the metadata.",
            code="metadata-too-large",
        )
    if name == "requires-dist" and sum(map(len, found)) > MAX_REQUIREMENTS_LENGTH:
        raise TooLarge(
            f"{display_name(name)} has at most {MAX_REQUIREMENTS_LENGTH} characters in all; shorten the metadata.",
            code="metadata-too-large",
        )
    if name == "import-name" and found == [""]:
        return found
    return [value for value in found if value and value != _UNKNOWN]


def _single(headers: Headers, name: str, problems: list[Problem]) -> str:
    """Return the field's first value; pip reads the first too."""
    values = _values(headers, name)
    if len(values) > 1:
        problems.append(
            Problem(name, f"{name}-repeated", f"{display_name(name)} is given more than once; give it once.")
        )
    return next(iter(_kept(name, values[:1], problems)), "")


def _kept(name: str, values: Iterable[str], problems: list[Problem]) -> Iterable[str]:
    for value in values:
        try:
            yield clean_value(name, value)
        except ValueError:
            problems.append(invalid_value(name, value, rule_of(name)))


def _project_urls(values: Iterable[str], problems: list[Problem]) -> dict[str, str]:
    urls: dict[str, str] = {}
    for value in values:
        label, _, url = (part.strip() for part in value.partition(","))
        if not label or not url or label in urls:
            problems.append(invalid_value("project-url", value, rule_of("project-url")))
        else:
            urls[label] = url
    return urls
