"""Reading the artefact: its name, its metadata, and whether the archive keeps the rules."""

from __future__ import annotations

from dataclasses import dataclass

from indexapp.domain import form_hints, metadata, metadata_rules, names
from indexapp.domain.archives import sdist_file, wheel_file
from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.filenames import DistributionFilename, parse_filename
from indexapp.domain.form_hints import FormFields
from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.platform_tags import require_allowed_platforms
from indexapp.domain.profiles import UploadProfile
from indexapp.services import descriptions
from indexapp.services.uploads.incoming import Incoming
from tpi_site.kit.errors import Invalid

_LIMITS = ArchiveLimits()


@dataclass(frozen=True)
class Inspected:
    """What the artefact says of itself; ``raw_metadata`` is served as ``<file>.metadata`` when ``has_static_metadata``."""

    name: DistributionFilename
    metadata: CoreMetadata
    raw_metadata: bytes
    has_static_metadata: bool
    warnings: tuple[str, ...]


def inspect(incoming: Incoming, form: FormFields) -> Inspected:
    """Read the spooled artefact and hold it against its file name, the profile's rules and the form."""
    profile = UploadProfile(incoming.index.profile)
    named = parse_filename(incoming.filename, profile=profile, expected_name=form.name, expected_version=form.version)
    is_wheel = named.kind == "bdist_wheel"
    if is_wheel:
        require_allowed_platforms(named.tags, incoming.index.allowed_platforms or None, profile)
    raw, core = _read_wheel(incoming) if is_wheel else _read_sdist(incoming)
    warnings = metadata_rules.check_metadata(core, profile)
    _require_renderable(core, profile)
    named = parse_filename(incoming.filename, profile=profile, expected_name=core.name, expected_version=core.version)
    form_hints.contradictions(form, core, named)
    return Inspected(named, core, raw, is_wheel or _is_static(core), tuple(warnings))


def _require_renderable(core: CoreMetadata, profile: UploadProfile) -> None:
    """PyPI refuses a description that does not render; elsewhere it is shown as plain text."""
    if profile.is_strict and not descriptions.is_renderable(core.description_content_type, core.description):
        raise Invalid(
            f"The description failed to render for '{core.description_content_type or 'text/x-rst'}'; check it with "
            "'twine check' (rule: renderable description).",
            code="description-not-renderable",
        )


def _read_wheel(incoming: Incoming) -> tuple[bytes, CoreMetadata]:
    found = wheel_file.inspect_wheel(incoming.spool.file, filename=incoming.filename, limits=_LIMITS)
    core = metadata.parse_metadata(found.metadata)
    if core.license_files and _knows_license_files(core):
        wheel_file.require_wheel_licenses(found, list(core.license_files))
    return found.metadata, core


def _read_sdist(incoming: Incoming) -> tuple[bytes, CoreMetadata]:
    found = sdist_file.inspect_sdist(incoming.spool.file, filename=incoming.filename, limits=_LIMITS)
    core = metadata.parse_metadata(found.metadata)
    if core.license_files and _knows_license_files(core):
        sdist_file.require_sdist_licenses(found, list(core.license_files))
    return found.metadata, core


def _version_of(core: CoreMetadata) -> tuple[int, ...]:
    return tuple(int(part) for part in core.metadata_version.split(".") if part.isdigit())


def _knows_license_files(core: CoreMetadata) -> bool:
    """Whether the metadata is of PEP 639 (2.4) or later; before it, License-File was a private extension."""
    return _version_of(core) >= (2, 4)


_MATTERS = frozenset({"name", "version", "requires-dist", "requires-python", "provides-extra"})


def _is_static(core: CoreMetadata) -> bool:
    """Whether an sdist's PKG-INFO may be served for resolution: PEP 643, and nothing that matters is dynamic."""
    dynamic = {names.normalize_name(field) for field in core.dynamic}
    return _version_of(core) >= (2, 2) and not dynamic & _MATTERS
