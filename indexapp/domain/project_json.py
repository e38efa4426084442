"""The JSON API of a project and of one release: ``/pypi/<project>/json`` and ``/pypi/<project>/<version>/json``.

No standard describes it; the keys are those that PyPI sends and that Renovate, Poetry and bandersnatch read.
bandersnatch takes file URLs only from here, only absolute ones, and only where their path begins with ``/packages/``;
the caller passes such URLs in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from indexapp.domain.escaping import json_text

_NOT_COUNTED = -1
_WHOLE_SECONDS = len("2026-01-02T03:04:05")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInfo:
    """The metadata of one release, named as in the core metadata; ``None`` and empty where it gives nothing."""

    name: str
    """As its owner wrote it."""
    version: str
    project_url: str
    """Absolute URL of the project's page for people; ``release_url`` that of the release's."""
    release_url: str
    summary: str | None = None
    description: str | None = None
    description_content_type: str | None = None
    keywords: str | None = None
    license: str | None = None
    license_expression: str | None = None
    license_files: Sequence[str] = ()
    classifiers: Sequence[str] = ()
    author: str | None = None
    author_email: str | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    requires_python: str | None = None
    requires_dist: Sequence[str] = ()
    provides_extra: Sequence[str] = ()
    platform: str | None = None
    home_page: str | None = None
    download_url: str | None = None
    project_urls: Mapping[str, str] = field(default_factory=dict)
    dynamic: Sequence[str] = ()
    yanked_reason: str | None = None
    """``None``: not yanked; ``""``: yanked without a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One file of a release.  Digests are lower-case hexadecimal; those of a mirrored file may be unknown but one."""

    filename: str
    url: str
    """Absolute; its path begins with ``/packages/``."""
    packagetype: str
    """``sdist`` or ``bdist_wheel``."""
    python_version: str
    """``source`` of an sdist, the Python tag of a wheel."""
    size: int
    """In bytes."""
    upload_time: str
    """As :func:`indexapp.domain.timestamps.iso_utc` makes it."""
    sha256: str
    blake2b_256: str | None = None
    md5: str | None = None
    comment_text: str = ""
    requires_python: str | None = None
    yanked_reason: str | None = None
    core_metadata_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who answers for a project: pairs of role and user name, and the team or organisation, if one owns it."""

    roles: Sequence[tuple[str, str]] = ()
    organization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """An advisory that speaks of the release told; ``withdrawn`` is a time as text, None where it holds."""

    id: str
    link: str
    aliases: Sequence[str] = ()
    summary: str = ""
    details: str = ""
    fixed_in: Sequence[str] = ()
    withdrawn: str | None = None


def render_project(
    info: ReleaseInfo,
    releases: Mapping[str, Iterable[ReleaseFile]],
    *,
    ownership: Ownership,
    last_serial: int,
    vulnerabilities: Iterable[Vulnerability] = (),
) -> bytes:
    """Return the document of a project: ``info`` and ``urls`` of its latest release, and the files of every release.

    ``releases`` maps each version, those without files included, to its files in the order to show.
    """
    arrays = {version: _files(files) for version, files in releases.items()}
    members = ",".join([f"{json_text(version)}:{arrays[version]}" for version in sorted(arrays)])
    known = _vulnerabilities(vulnerabilities)
    return _document(info, f'"releases":{{{members}}},', arrays.get(info.version, "[]"), ownership, last_serial, known)


def render_release(
    info: ReleaseInfo,
    files: Iterable[ReleaseFile],
    *,
    ownership: Ownership,
    last_serial: int,
    vulnerabilities: Iterable[Vulnerability] = (),
) -> bytes:
    """Return the document of one release; ``last_serial`` is that of its project."""
    return _document(info, "", _files(files), ownership, last_serial, _vulnerabilities(vulnerabilities))


def _document(
    info: ReleaseInfo, releases: str, urls: str, ownership: Ownership, last_serial: int, vulnerabilities: str
) -> bytes:
    text = (
        f'{{"info":{_compact(_info(info))},"last_serial":{last_serial},"ownership":{_compact(_ownership(ownership))}'
        f',{releases}"urls":{urls},"vulnerabilities":{vulnerabilities}}}\n'
    )
    return text.encode()


def _vulnerabilities(rows: Iterable[Vulnerability]) -> str:
    """As PyPI has them, which takes all of its own from OSV."""
    return _compact(
        [
            {
                "aliases": list(row.aliases),
                "details": row.details,
                "fixed_in": list(row.fixed_in),
                "id": row.id,
                "link": row.link,
                "source": "osv",
                "summary": row.summary or None,
                "withdrawn": row.withdrawn,
            }
            for row in rows
        ]
    )


def _compact(value: Mapping[str, object] | Sequence[object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _ownership(ownership: Ownership) -> dict[str, object]:
    roles = [{"role": role, "user": user} for role, user in ownership.roles]
    return {"organization": ownership.organization, "roles": roles}


def _info(info: ReleaseInfo) -> dict[str, object]:
    """Return the ``info`` object, with the keys that are constant here and null where PyPI has null for 'none'."""
    return {
        "author": info.author,
        "author_email": info.author_email,
        "bugtrack_url": None,
        "classifiers": list(info.classifiers),
        "description": info.description or "",
        "description_content_type": info.description_content_type,
        "docs_url": None,
        "download_url": info.download_url,
        "downloads": {"last_day": _NOT_COUNTED, "last_month": _NOT_COUNTED, "last_week": _NOT_COUNTED},
        "dynamic": list(info.dynamic) or None,
        "home_page": info.home_page,
        "keywords": info.keywords,
        "license": info.license,
        "license_expression": info.license_expression,
        "license_files": list(info.license_files) or None,
        "maintainer": info.maintainer,
        "maintainer_email": info.maintainer_email,
        "name": info.name,
        "package_url": info.project_url,
        "platform": info.platform,
        "project_url": info.project_url,
        "project_urls": dict(info.project_urls) or None,
        "provides_extra": list(info.provides_extra) or None,
        "release_url": info.release_url,
        "requires_dist": list(info.requires_dist) or None,
        "requires_python": info.requires_python,
        "summary": info.summary,
        "version": info.version,
        "yanked": info.yanked_reason is not None,
        "yanked_reason": info.yanked_reason or None,
    }


def _files(files: Iterable[ReleaseFile]) -> str:
    # Joined text, as on the project page: a project of 2,000 files lists them all here.
    return f"[{','.join([_file(file) for file in files])}]"


def _file(file: ReleaseFile) -> str:
    return (
        f'{{"comment_text":{json_text(file.comment_text)}'
        f',"core-metadata":{_hashes(sha256=file.core_metadata_sha256) if file.core_metadata_sha256 else "false"}'
        f',"digests":{_hashes(blake2b_256=file.blake2b_256, md5=file.md5, sha256=file.sha256)}'
        f',"downloads":{_NOT_COUNTED},"filename":{json_text(file.filename)},"has_sig":false'
        f',"md5_digest":{_text_or_null(file.md5)}'
        f',"packagetype":{json_text(file.packagetype)},"python_version":{json_text(file.python_version)}'
        f',"requires_python":{_text_or_null(file.requires_python)},"size":{file.size}'
        f',"upload_time":"{file.upload_time[:_WHOLE_SECONDS]}","upload_time_iso_8601":"{file.upload_time}"'
        f',"url":{json_text(file.url)}'
        f',"yanked":{"false" if file.yanked_reason is None else "true"}'
        f',"yanked_reason":{_text_or_null(file.yanked_reason or None)}}}'
    )


def _hashes(**digests: str | None) -> str:
    members = [f'"{name}":"{digest}"' for name, digest in digests.items() if digest]
    return f"{{{','.join(members)}}}"


def _text_or_null(text: str | None) -> str:
    return "null" if text is None else json_text(text)
