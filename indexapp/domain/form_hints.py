"""The upload form: the shape of what a client says about the file that it sends.

The protocol is PyPI's ``:action=file_upload``.  The metadata comes from the artefact itself; the form only hints at it,
so most of its fields are not read at all, and a hint is refused only where it contradicts the artefact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from packaging.version import Version

from indexapp.domain.digests import HEX_LENGTHS
from indexapp.domain.filenames import DistributionFilename, Kind
from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.names import normalize_name, require_valid_name
from indexapp.domain.versions import parse_version
from tpi_site.kit.errors import Gone, Invalid

MAX_ATTESTATIONS_LENGTH = 1024 * 1024
"""Characters of the ``attestations`` field."""

_UNCUT_BLAKE2_LENGTH = 128
_FILE_TYPES: Mapping[str, Kind] = {"sdist": "sdist", "bdist_wheel": "bdist_wheel"}
_GONE_ACTIONS = frozenset({"submit", "submit_pkg_info", "doc_upload"})
_DIGEST_FIELDS = {f"{name}_digest": name for name in HEX_LENGTHS}
# distutils repeats even 'keywords', so only the fields that are read here have to be single.
_SINGLE = frozenset(
    {
        ":action",
        "protocol_version",
        "filetype",
        "pyversion",
        "name",
        "version",
        "comment",
        "attestations",
        *_DIGEST_FIELDS,
    }
)
_HEX = re.compile(r"[0-9a-f]+\Z")


@dataclass(frozen=True)
class FormFields:
    """The fields of an upload form that the index reads.

    ``digests`` maps ``md5``, ``sha256`` and ``blake2_256`` (at least one) to lower-case hexadecimal text; ``pyversion``
    and ``comment`` may be empty; ``attestations`` are the objects of the PEP 740 array, unverified, or ``None``.
    """

    filetype: Kind
    name: str
    version: str
    digests: Mapping[str, str]
    pyversion: str = ""
    comment: str = ""
    attestations: Sequence[Mapping[str, Any]] | None = field(default=None)

    @classmethod
    def read(cls, form: Mapping[str, Sequence[str]]) -> FormFields:
        """Check the shape of ``form`` (field name to its values, in order) in the order of PyPI's checks.

        Raises :class:`Gone` (``action-gone``) for the actions that registered metadata or documentation once, otherwise
        :class:`Invalid`: ``form-characters``, ``form-repeated``, ``action-missing``, ``action-unknown``,
        ``protocol-version-unknown``, ``name-missing``, ``name-invalid``, ``name-too-long``, ``version-missing``,
        ``version-invalid``, ``filetype-unknown``, ``digest-invalid``, ``digest-missing``, ``attestations-invalid``.
        """
        values = _single_values(form)
        _require_action(values.get(":action"))
        if values.get("protocol_version", "1") != "1":
            raise Invalid("Unknown protocol version.", code="protocol-version-unknown")
        _require_identity(values)
        filetype = _FILE_TYPES.get(values.get("filetype", ""))
        if filetype is None:
            raise Invalid("Use a known file type: sdist or bdist_wheel.", code="filetype-unknown")
        return cls(
            filetype=filetype,
            name=values["name"],
            version=values["version"],
            digests=_digests(values),
            pyversion=values.get("pyversion", ""),
            comment=values.get("comment", ""),
            attestations=_attestations(values.get("attestations")),
        )


def contradictions(form: FormFields, meta: CoreMetadata, filename: DistributionFilename) -> None:
    """Raise :class:`Invalid` (``form-contradicts-artefact``) where the form says other than the file.

    Names are compared in normal form and versions as PEP 440 does, because clients rewrite both before they send them.
    ``meta`` has passed :func:`~indexapp.domain.metadata_rules.check_metadata`.
    """
    if normalize_name(form.name) != meta.normalized_name:
        _contradicted("name", form.name, meta.name)
    if parse_version(form.version) != _version_of(meta):
        _contradicted("version", form.version, meta.version)
    if form.filetype != filename.kind:
        _contradicted("filetype", form.filetype, filename.kind)


def _version_of(meta: CoreMetadata) -> Version:
    return parse_version(meta.version)


def _contradicted(what: str, said: str, found: str) -> NoReturn:
    raise Invalid(
        f"The form's {what} {said!a} contradicts the uploaded file, which says {found!a}.",
        code="form-contradicts-artefact",
    )


def _single_values(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the fields that are read, without empty ones and distutils' ``UNKNOWN``; none may be given twice."""
    for name, given in form.items():
        for value in given:
            _require_text(name, value)
    values = {}
    for name in _SINGLE & form.keys():
        given = [value for value in (value.strip() for value in form[name]) if value and value != "UNKNOWN"]
        if len(given) > 1:
            raise Invalid(f"The form field {name!a} is given more than once; send it once.", code="form-repeated")
        if given:
            values[name] = given[0]
    return values


def _require_text(name: str, value: str) -> None:
    try:
        encoded = f"{name}{value}".encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise Invalid(
            f"The form field {name[:60]!a} contains a NUL or is not UTF-8 text; send plain text.",
            code="form-characters",
        )


def _require_action(action: str | None) -> None:
    if action == "file_upload":
        return
    if action in _GONE_ACTIONS:
        raise Gone("This action is no longer served; upload the file itself with twine or uv.", code="action-gone")
    if action is None:
        raise Invalid("The form has no ':action'; send ':action=file_upload'.", code="action-missing")
    raise Invalid(f"The action {action[:60]!a} is not known; send ':action=file_upload'.", code="action-unknown")


def _require_identity(values: Mapping[str, str]) -> None:
    if "name" not in values:
        raise Invalid("The form has no 'name'; send the project's name.", code="name-missing")
    if "version" not in values:
        raise Invalid("The form has no 'version'; send the release's version.", code="version-missing")
    require_valid_name(values["name"])
    parse_version(values["version"])


def _digests(values: Mapping[str, str]) -> dict[str, str]:
    found = {digest: values[name].lower() for name, digest in _DIGEST_FIELDS.items() if name in values}
    if len(found) > 1 and len(found.get("blake2_256", "")) == _UNCUT_BLAKE2_LENGTH:
        del found["blake2_256"]  # distutils of Python 3.9 to 3.11 sends BLAKE2b uncut; its other digests are checked
    for digest, text in found.items():
        if len(text) != HEX_LENGTHS[digest] or not _HEX.match(text):
            raise Invalid(
                f"Use a valid, hex-encoded, {digest} digest of {HEX_LENGTHS[digest]} digits.", code="digest-invalid"
            )
    if not found:
        raise Invalid("Include at least one of the digests sha256, blake2_256 and md5.", code="digest-missing")
    return found


def _attestations(text: str | None) -> list[Mapping[str, Any]] | None:
    if text is None:
        return None
    found = _storable_json(text) if len(text) <= MAX_ATTESTATIONS_LENGTH else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Invalid(
            "The 'attestations' are not a JSON array of objects (PEP 740) of at most 1 MiB.",
            code="attestations-invalid",
        )
    return found


def _storable_json(text: str) -> Any:
    """Return what ``text`` means, or ``None`` if it is no JSON that a database can hold.

    PostgreSQL takes neither U+0000 nor lone surrogates, which JSON can spell as escapes.
    """
    try:
        found = json.loads(text, parse_constant=_no_constant)
        stored = json.dumps(found, ensure_ascii=False)
        stored.encode()
    except (ValueError, RecursionError):
        return None
    return None if "\\u0000" in stored else found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
