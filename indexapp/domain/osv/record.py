"""Reading one OSV record.

Whatever the bytes are, what comes out is a record, or :class:`RecordInvalid` with what is wrong: a fault in one record must
not keep the others from being read.  Where a range has an event that is no version, the doubt goes against the package:
its beginning counts as the beginning of time, its end as none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.domain.osv.affected import BEGINNING, FIXED, INTRODUCED, LAST_AFFECTED, LIMIT, NO_LIMIT, Event, version_of
from indexapp.domain.osv.severity import severity_of
from indexapp.domain.versions import canonical_version
from tpi_site.kit.errors import Invalid

ECOSYSTEM = "PyPI"
MAX_RECORD_SIZE = 4 * 1024 * 1024
"""Bytes of one record."""
MAX_DEPTH = 24
MAX_VALUES = 200_000
MAX_AFFECTED = 2_000
MAX_RANGES = 500
MAX_EVENTS = 5_000
MAX_VERSIONS = 20_000
MAX_ALIASES = 500
MAX_SUMMARY_LENGTH = 1_000
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_KINDS = (INTRODUCED, FIXED, LAST_AFFECTED, LIMIT)


class RecordInvalid(Invalid):
    """The bytes are no OSV record that can be used; the sentence says why."""

    default_code = "osv-record-invalid"


@dataclass(frozen=True, slots=True)
class AffectedProject:
    """What a record says of one project; ``versions`` are canonical, or as written where they are no versions."""

    name: str
    """Normalised."""
    ranges: tuple[tuple[Event, ...], ...]
    versions: tuple[str, ...]
    fixed: tuple[str, ...]
    """In PEP 440's order."""


@dataclass(frozen=True, slots=True)
class OsvRecord:
    """One advisory; ``affected`` is empty where it speaks of other ecosystems alone."""

    osv_id: str
    aliases: tuple[str, ...]
    summary: str
    details: str
    severity: str
    """A CVSS vector or a word; empty where it says nothing."""
    score: float | None
    published: datetime | None
    modified: datetime
    withdrawn: datetime | None
    affected: tuple[AffectedProject, ...]
    document: Mapping[str, Any]
    """The record itself, with the entries of ``affected`` alone that are of PyPI, and without events that are no versions."""


def parse_record(body: bytes) -> OsvRecord:
    """The record that the bytes are; raises :class:`RecordInvalid` and nothing else."""
    document = _document(body)
    schema = document.get("schema_version", "1.0.0")
    if not isinstance(schema, str) or not schema.startswith("1."):
        _fail("its schema_version is not 1.x")
    entries = _ours(document)
    osv_id = _identifier(document.get("id"))
    severity, score = severity_of(document, entries)
    modified = _moment(document, "modified")
    if modified is None:
        _fail("it does not say when it was modified")
    return OsvRecord(
        osv_id=osv_id,
        aliases=_aliases(document, osv_id),
        summary=" ".join(_text(document, "summary").split())[:MAX_SUMMARY_LENGTH],
        details=_text(document, "details"),
        severity=severity,
        score=score,
        published=_moment(document, "published"),
        modified=modified,
        withdrawn=_moment(document, "withdrawn"),
        affected=_affected(entries),
        document={**document, "affected": entries},
    )


def _fail(fault: str) -> NoReturn:
    raise RecordInvalid(f"This is no OSV record that can be used: {fault}.")


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_RECORD_SIZE:
        _fail(f"it has more than {MAX_RECORD_SIZE} bytes")
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        _fail("it is nested too deeply")
    except ValueError:
        _fail("it is not JSON in UTF-8")
    if not isinstance(found, dict):
        _fail("it is not an object")
    return _Storable().dict(found, 1)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _Storable:
    """Copies JSON so that every database takes it, within the limits of depth and number."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def dict(self, values: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """An object."""
        return {_clean(name): self._value(value, depth) for name, value in values.items()}

    def _value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            _fail("it is nested too deeply or has too many values")
        if isinstance(value, str):
            return _clean(value)
        if isinstance(value, dict):
            return self.dict(value, depth + 1)
        if isinstance(value, list):
            return [self._value(each, depth + 1) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            _fail("it has a number that is too large")
        return value


def _clean(text: str) -> str:
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _ours(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of ``affected`` that name a project of PyPI, with events that clients can read."""
    rows = document.get("affected", [])
    if not isinstance(rows, list) or len(rows) > MAX_AFFECTED:
        _fail(f"its list 'affected' is none, or has more than {MAX_AFFECTED} entries")
    return [_readable(row) for row in rows if isinstance(row, dict) and _project(row)]


def _project(row: Mapping[str, Any]) -> str:
    """The normalised name of the project of PyPI that the entry names; empty where it names none."""
    named = row.get("package")
    if not isinstance(named, dict) or not isinstance(ecosystem := named.get("ecosystem"), str):
        return ""
    name = named.get("name")
    if ecosystem.partition(":")[0] != ECOSYSTEM or not isinstance(name, str) or not is_valid_name(name):
        return ""
    return normalize_name(name)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    ranges = row.get("ranges") or []
    if not isinstance(ranges, list) or len(ranges) > MAX_RANGES:
        _fail(f"its list 'ranges' is none, or has more than {MAX_RANGES} entries")
    kept = [each for each in ranges if isinstance(each, dict) and isinstance(each.get("type"), str)]
    return {**row, "ranges": [{**each, "events": _events(each)} for each in kept], "versions": _versions(row)}


def _events(row: Mapping[str, Any]) -> list[dict[str, str]]:
    events = row.get("events") or []
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        _fail(f"its list 'events' is none, or has more than {MAX_EVENTS} entries")
    found = [
        {kind: text}
        for event in events
        if isinstance(event, dict)
        for kind, text in event.items()
        if kind in _KINDS and isinstance(text, str)
    ]
    return found if row["type"] != "ECOSYSTEM" else [event for each in found if (event := _of_versions(each))]


def _of_versions(event: dict[str, str]) -> dict[str, str] | None:
    """The event, if what it names is a version; else what the doubt makes of it."""
    ((kind, text),) = event.items()
    if (kind == INTRODUCED and text == BEGINNING) or (kind == LIMIT and text == NO_LIMIT) or version_of(text):
        return event
    return {INTRODUCED: BEGINNING} if kind == INTRODUCED else None


def _versions(row: Mapping[str, Any]) -> list[str]:
    versions = row.get("versions") or []
    if not isinstance(versions, list) or len(versions) > MAX_VERSIONS:
        _fail(f"its list 'versions' is none, or has more than {MAX_VERSIONS} entries")
    return [text for text in versions if isinstance(text, str)]


def _affected(entries: Iterable[Mapping[str, Any]]) -> tuple[AffectedProject, ...]:
    """One for each project; several entries of one are put together."""
    ranges: dict[str, list[tuple[Event, ...]]] = {}
    versions: dict[str, dict[str, None]] = {}
    for entry in entries:
        name = _project(entry)
        found = [
            tuple(_pair(event) for event in row["events"]) for row in entry["ranges"] if row["type"] == "ECOSYSTEM"
        ]
        ranges.setdefault(name, []).extend(filter(None, found))
        versions.setdefault(name, {}).update(dict.fromkeys(map(_canonical, entry["versions"])))
    return tuple(
        AffectedProject(name, tuple(ranges[name]), tuple(versions[name]), _fixed(ranges[name])) for name in ranges
    )


def _pair(event: Mapping[str, str]) -> Event:
    ((kind, text),) = event.items()
    return kind, text


def _canonical(text: str) -> str:
    version = version_of(text)
    return text if version is None else canonical_version(version)


def _fixed(ranges: Iterable[Iterable[Event]]) -> tuple[str, ...]:
    found = {version for events in ranges for kind, text in events if kind == FIXED and (version := version_of(text))}
    return tuple(map(str, sorted(found)))


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.match(value):
        _fail("its id is missing or has characters that no id has")
    return value


def _aliases(document: Mapping[str, Any], osv_id: str) -> tuple[str, ...]:
    rows = document.get("aliases") or []
    if not isinstance(rows, list) or len(rows) > MAX_ALIASES:
        _fail(f"its list 'aliases' is none, or has more than {MAX_ALIASES} entries")
    found = dict.fromkeys(text for text in rows if isinstance(text, str) and _IDENTIFIER.match(text))
    return tuple(text for text in found if text != osv_id)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _moment(document: Mapping[str, Any], name: str) -> datetime | None:
    value = document.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        _fail(f"its '{name}' is no time")
