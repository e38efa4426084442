"""File names of distributions: what kind of file, of which project and version, for which interpreters.

Standards: the binary distribution format (wheels, PEP 427, PEP 425 tags) and the source distribution format (PEP 625).
In the enterprise and snapshot profiles historical spellings are read too, because companies bring old projects along.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from packaging.tags import Tag
from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.domain.profiles import UploadProfile
from indexapp.domain.versions import parse_version
from tpi_site.kit.errors import Invalid

MAX_FILENAME_LENGTH = 255
"""Bytes; what a file system stores as one name."""

MAX_PYTHON_TAG_LENGTH = 100
"""Characters of a wheel's (compressed) Python tag, which is shown by itself; ``py2.py3`` is a long one."""

MAX_TAGS = 1000
"""Tags that one compressed tag set may stand for; the count multiplies, so a short name could mean very many."""

Kind = Literal["bdist_wheel", "sdist"]

_KINDS: tuple[tuple[str, Kind], ...] = ((".whl", "bdist_wheel"), (".tar.gz", "sdist"), (".zip", "sdist"))
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LETTERS = re.compile(r"[A-Za-z0-9._+!-]+\Z")


@dataclass(frozen=True)
class DistributionFilename:
    """A file name that is allowed, with what it says.

    ``project`` is the name as written in it, ``normalized`` its PEP 503 form.  ``python_tag`` is the wheel's first tag
    (``py2.py3``, ``cp311``) and ``source`` for an sdist, as the JSON API's ``python_version``.  ``is_historical`` says
    that today's standards would spell the name otherwise.
    """

    filename: str
    kind: Kind
    project: str
    normalized: str
    version: Version
    build: BuildTag = ()
    tags: frozenset[Tag] = field(default_factory=frozenset)
    python_tag: str = "source"
    is_historical: bool = False


@lru_cache(maxsize=64)  # an upload asks twice for what its form says, then for what the artefact does
def parse_filename(
    filename: str,
    *,
    profile: UploadProfile,
    expected_name: str | None = None,
    expected_version: str | None = None,
) -> DistributionFilename:
    """Read ``filename``; raise :class:`Invalid` if it is not one that ``profile`` takes.

    ``expected_name`` and ``expected_version`` are those of the artefact's own metadata.  With them the split of an old
    sdist's name, which is ambiguous (``foo-2-1.zip``), is the one that fits, and a name that tells otherwise is refused
    (``filename-contradicts-metadata``).  Without them an sdist's name is split at its last dash.

    Codes: ``filename-too-long``, ``filename-characters``, ``filename-extension``, ``filename-invalid``,
    ``filename-not-normalized`` (strict profile), ``version-invalid``.
    """
    _require_plain(filename)
    expected = _Expected.of(expected_name, expected_version)
    extension, kind = _kind_of(filename)
    stem = filename.removesuffix(extension)
    parsed = _wheel(filename, stem) if kind == "bdist_wheel" else _sdist(filename, stem, expected)
    if not expected.fits(parsed.normalized, parsed.version):
        raise _contradiction(filename, expected)
    if parsed.is_historical and profile.is_strict:
        standard = _standard_filename(parsed, expected.version)
        raise Invalid(f"Filename {filename!a} is invalid, should be {standard!a}.", code="filename-not-normalized")
    return parsed


@dataclass(frozen=True)
class _Expected:
    """The name (normalised) and version that the artefact's metadata gives, as far as they are known."""

    name: str | None
    version: Version | None

    @classmethod
    def of(cls, name: str | None, version: str | None) -> _Expected:
        return cls(
            name=None if name is None else normalize_name(name),
            version=None if version is None else parse_version(version),
        )

    def fits(self, name: str, version: Version) -> bool:
        return self.name in (None, name) and self.version in (None, version)


def _require_plain(filename: str) -> None:
    """Refuse what could harm a file system, a header or a URL before anything else looks at the name."""
    if len(filename.encode(errors="surrogatepass")) > MAX_FILENAME_LENGTH:
        raise Invalid(f"A filename has at most {MAX_FILENAME_LENGTH} bytes.", code="filename-too-long")
    if _CONTROLS.search(filename):
        raise Invalid("A filename contains no control characters; rename the file.", code="filename-characters")
    if "/" in filename or "\\" in filename:
        raise Invalid(
            "A filename contains no '/' and no '\\'; send the name without its folder.", code="filename-characters"
        )
    if not _LETTERS.match(filename):
        raise Invalid(
            f"Filename {filename!a} is invalid: use ASCII letters, digits, '.', '-', '_', '+' and '!'.",
            code="filename-characters",
        )


def _kind_of(filename: str) -> tuple[str, Kind]:
    for extension, kind in _KINDS:
        if filename.endswith(extension):
            return extension, kind
    raise Invalid(
        f"Filename {filename!a} has an unknown extension; "
        "upload a wheel (.whl) or a source distribution (.tar.gz or .zip).",
        code="filename-extension",
    )


def _wheel(filename: str, stem: str) -> DistributionFilename:
    parts = stem.split("-")
    if len(parts) not in (5, 6):
        raise _invalid(filename, "a wheel is named name-version[-build]-python-abi-platform.whl")
    if not is_valid_name(parts[0]):
        raise _invalid(filename, "it does not begin with a valid project name")
    version = parse_version(parts[1])
    if len(parts[-3]) > MAX_PYTHON_TAG_LENGTH:
        raise _invalid(filename, f"its Python tag is longer than {MAX_PYTHON_TAG_LENGTH} characters")
    if math.prod(part.count(".") + 1 for part in parts[-3:]) > MAX_TAGS:
        raise _invalid(filename, f"its tags stand for more than {MAX_TAGS} combinations")
    try:
        normalized, _, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise _invalid(filename, "its name, build number or tags break the wheel specification") from error
    return DistributionFilename(
        filename=filename,
        kind="bdist_wheel",
        project=parts[0],
        normalized=str(normalized),
        version=version,
        build=build,
        tags=tags,
        python_tag=parts[-3],
        is_historical=parts[0] != _escaped(normalized),
    )


def _sdist(filename: str, stem: str, expected: _Expected) -> DistributionFilename:
    splits = _splits(stem)
    if not splits:
        raise _invalid(filename, "a source distribution is named name-version.tar.gz")
    fitting = [split for split in splits if expected.fits(normalize_name(split[0]), split[1])]
    if not fitting:
        raise _contradiction(filename, expected)
    project, version = fitting[0]
    parsed = DistributionFilename(filename, "sdist", project, normalize_name(project), version)
    return replace(parsed, is_historical=filename != _standard_filename(parsed, expected.version))


def _splits(stem: str) -> list[tuple[str, Version]]:
    """Return every (name, version) that ``stem`` can mean, the longest name first."""
    found = []
    for dash in reversed([place for place, letter in enumerate(stem) if letter == "-"]):
        name, version = stem[:dash], _version_or_none(stem[dash + 1 :])
        if version is not None and is_valid_name(name):
            found.append((name, version))
    return found


def _version_or_none(text: str) -> Version | None:
    try:
        return parse_version(text)
    except Invalid:
        return None


def _standard_filename(parsed: DistributionFilename, version: Version | None) -> str:
    """Return the name that PEP 625 or the wheel specification gives to the same file.

    An sdist spells its version as its metadata does (``version``): 1.0 and 1 are equal, but not as file names.
    """
    if parsed.kind == "sdist":
        return f"{_escaped(parsed.normalized)}-{version or parsed.version}.tar.gz"
    return _escaped(parsed.normalized) + parsed.filename.removeprefix(parsed.project)


def _escaped(normalized: str) -> str:
    return normalized.replace("-", "_")


def _invalid(filename: str, reason: str) -> Invalid:
    return Invalid(f"Filename {filename!a} is invalid: {reason}.", code="filename-invalid")


def _contradiction(filename: str, expected: _Expected) -> Invalid:
    said = " ".join(str(part) for part in (expected.name, expected.version) if part is not None)
    return Invalid(
        f"Filename {filename!a} contradicts the metadata inside the file, which says {said}; build the file again.",
        code="filename-contradicts-metadata",
    )
