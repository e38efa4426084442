"""One file of an upstream's page: every field that is sound, and a reason where the file cannot be offered.

pypi-simple reads the fields of both forms; here they are made safe to keep, because an upstream may write anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError
from pypi_simple import DistributionPackage, Link

from indexapp.clients.html_reading import Anchor
from indexapp.domain.filenames import MAX_FILENAME_LENGTH, DistributionFilename, Kind, parse_filename
from indexapp.domain.profiles import UploadProfile
from tpi_site.kit.errors import Invalid
from tpi_site.kit.outbound import OutboundFailed, Target

MOST_URL = 4096
"""Characters; the addresses of signed downloads are long."""

_CLOCKS_DIFFER = timedelta(days=1)
_MOST_WORDS = 1000  # characters of a reason
_MOST_SPECIFIER = 500
_DIGESTS = {
    "md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
    "sha3_256": 64, "sha3_384": 96, "sha3_512": 128, "blake2b": 128, "blake2s": 64,
}  # fmt: skip
"""Hexadecimal digits of the digests that are kept: those that :mod:`hashlib` computes by the same name."""

_HEXADECIMAL = re.compile(r"[0-9a-f]+\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_DISPENSABLE = frozenset({"core-metadata", "gpg-sig", "size", "upload-time", "provenance"})
"""Fields without which a file can be offered; a damaged one is left out. A damaged yank drops the file."""


class Dropped(Exception):
    """The file is not offered; ``reason`` is one word, for a count.

    ``malformed``, ``name`` (unsafe, or of no wheel and no source distribution), ``other-project``, ``address`` (neither
    http nor https, or no URL), ``unprotected`` (by plain http from a page that came by https, and without a digest).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFile:
    """What the upstream says of a file; all texts are free of control characters."""

    filename: str
    kind: Kind
    version: str
    """As its name says, in normal form."""
    url: str
    """Absolute, http or https, percent-encoded, without user name, password and fragment."""
    digests: Mapping[str, str]
    """Lower-case hexadecimal by lower-case algorithm, as :mod:`hashlib` names it; may be empty."""
    size: int | None = None
    upload_time: datetime | None = None
    """Aware, UTC."""
    requires_python: str | None = None
    yanked: str | None = None
    """``None``: not yanked; ``""``: yanked without a reason."""
    core_metadata: Mapping[str, str] | None = None
    """``None``: no ``.metadata`` beside it; ``{}``: one without a digest; else its digests."""
    provenance: str | None = None
    """Absolute URL of the PEP 740 provenance object."""


def from_json(entry: Any, *, name: str, page_url: str) -> UpstreamFile:
    """A file from an element of ``files``; ``name`` is the normalised project. Raises :class:`Dropped`."""
    if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str):
        raise Dropped("malformed")
    parsed = _parsed(entry["filename"], name)
    fields = dict(entry)
    if fields.get("hashes") is None:
        fields["hashes"] = {}
    if fields.get("yanked") is None:
        fields["yanked"] = False
    if "core-metadata" not in fields:  # PEP 714: the key that came before
        fields["core-metadata"] = fields.get("dist-info-metadata", fields.get("data-dist-info-metadata"))
    return _file(_package(fields, name, page_url), parsed, page_url)


def from_anchor(anchor: Anchor, *, name: str, page_url: str) -> UpstreamFile:
    """A file from a link of an HTML page. Raises :class:`Dropped`."""
    filename = anchor.text
    try:
        parsed = _parsed(filename, name)
    except Dropped:  # listings of folders cut long names short; the address has the whole
        parsed = _parsed(_last_segment(anchor.url), name)
    attributes: dict[str, str | list[str]] = {**anchor.attributes}
    if "data-core-metadata" not in attributes and "data-dist-info-metadata" in attributes:
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"]
    try:
        package = DistributionPackage.from_link(Link(parsed.filename, anchor.url, attributes), name)
        package.digests = dict(parse_qsl(urlsplit(anchor.url).fragment.replace(";", "&")))
    except ValueError:
        raise Dropped("address") from None
    package.size = _integer(anchor.attributes.get("data-size", ""))
    package.upload_time = _time(anchor.attributes.get("data-upload-time", ""))
    if package.metadata_digests == {} and not package.has_metadata:
        package.metadata_digests = None
    return _file(package, parsed, page_url)


def plain(text: str, most: int = _MOST_WORDS) -> str:
    """``text`` as every database keeps and every header carries it: on one line, without halves of characters."""
    return _CONTROLS.sub(" ", text).strip()[:most]


def _parsed(filename: str, name: str) -> DistributionFilename:
    if len(filename) > MAX_FILENAME_LENGTH:
        raise Dropped("name")
    try:
        return parse_filename(filename, profile=UploadProfile.ENTERPRISE, expected_name=name)
    except Invalid as refusal:
        raise Dropped("other-project" if refusal.code == "filename-contradicts-metadata" else "name") from None


def _package(fields: dict[str, Any], name: str, page_url: str) -> DistributionPackage:
    for _ in range(2):
        try:
            return DistributionPackage.from_json_data(fields, name, page_url)
        except ValidationError as error:
            damaged = {str(each["loc"][0]).replace("_", "-") for each in error.errors(include_url=False) if each["loc"]}
            if not damaged <= _DISPENSABLE:
                raise Dropped("malformed") from None
            fields = {key: value for key, value in fields.items() if key not in damaged}
        except (ValueError, OverflowError):  # an address that is none
            raise Dropped("address") from None
    raise Dropped("malformed")


def _file(package: DistributionPackage, parsed: DistributionFilename, page_url: str) -> UpstreamFile:
    digests = _digests(package.digests)
    url = _address(package.url)
    if page_url.startswith("https:") and url.startswith("http:") and not digests:
        raise Dropped("unprotected")
    metadata = package.metadata_digests
    return UpstreamFile(
        filename=parsed.filename,
        kind=parsed.kind,
        version=str(parsed.version),
        url=url,
        digests=digests,
        size=package.size if package.size is not None and 0 <= package.size < 2**63 else None,
        upload_time=_in_utc(package.upload_time),
        requires_python=plain(package.requires_python or "", _MOST_SPECIFIER) or None,
        yanked=plain(package.yanked_reason or "") if package.is_yanked else None,
        core_metadata=None if metadata is None else _digests(metadata),
        provenance=_provenance(package.provenance_url),
    )


def _digests(said: Mapping[str, str]) -> dict[str, str]:
    lowered = {algorithm.lower(): digest.lower() for algorithm, digest in said.items()}
    return {
        algorithm: digest
        for algorithm, digest in lowered.items()
        if len(digest) == _DIGESTS.get(algorithm) and _HEXADECIMAL.match(digest)
    }


def _address(url: str) -> str:
    try:
        found = Target.of(url).url if len(url) <= MOST_URL else ""
    except (OutboundFailed, ValueError):
        found = ""
    if not found or len(found) > MOST_URL:
        raise Dropped("address")
    return found


def _provenance(url: str | None) -> str | None:
    try:
        return _address(url) if url else None
    except Dropped:
        return None


def _last_segment(url: str) -> str:
    try:
        return unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        return ""


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004  digits of 2**64


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as PEP 700 has it; one that is still to come is none."""
    try:
        found = None if moment is None else (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
    return found if found is not None and found <= datetime.now(UTC) + _CLOCKS_DIFFER else None
