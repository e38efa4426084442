"""Indexes and what is published in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from django.utils import timezone
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, granted, to_mask
from accounts.models import Team, User
from indexapp.domain.digests import MultiDigest
from indexapp.domain.names import confusable_key, normalize_name
from indexapp.domain.versions import canonical_version, parse_version, version_sort_key
from indexapp.models import Blob, File, GroupMember, Index, Project, Release, Role, Upstream
from indexapp.services import search, uploads
from indexapp.services.uploads import Accepted, Incoming
from indexapp.storage import default_storage
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM

_numbers = count(1)


def make_index(name: str = "", **values: Any) -> Index:
    """An index; hosted and private unless ``values`` say otherwise."""
    return Index.objects.create(name=name or f"index-{next(_numbers)}", **values)


def make_group(name: str = "", *members: Index, **values: Any) -> Index:
    """A group of ``members`` in their order."""
    group = make_index(name, kind=Index.Kind.GROUP, **values)
    for position, member in enumerate(members):
        GroupMember.objects.create(group=group, member=member, position=position)
    return group


def give(holder: User | Team, verbs: Iterable[Verb], index: Index, project: Project | None = None) -> Role:
    """Let ``holder`` have ``verbs``, and what they include, on the index or the project."""
    who = {"user": holder} if isinstance(holder, User) else {"team": holder}
    return Role.objects.create(index=index, project=project, verbs=to_mask(granted(verbs)), **who)


def make_project(index: Index, name: str = "", **values: Any) -> Project:
    """A project without releases."""
    name = name or f"project-{next(_numbers)}"
    project = Project.objects.create(
        index=index, name=name, normalized_name=normalize_name(name), confusable_key=confusable_key(name), **values
    )
    search.put(project)
    return project


def make_release(project: Project, version: str = "1.0", **values: Any) -> Release:
    """A release without files."""
    parsed = parse_version(version)
    return Release.objects.create(
        project=project,
        version=str(parsed),
        canonical_version=canonical_version(parsed),
        sort_key=version_sort_key(parsed),
        is_prerelease=parsed.is_prerelease,
        **values,
    )


def make_file(release: Release, filename: str = "", **values: Any) -> File:
    """The row of a wheel whose bytes are nowhere; where bytes matter use :func:`upload`."""
    project = release.project
    filename = filename or f"{project.normalized_name.replace('-', '_')}-{release.version}-py3-none-any.whl"
    sha256 = hashlib.sha256(filename.encode()).hexdigest()
    blob, _ = Blob.objects.get_or_create(
        sha256=sha256, defaults={"size": 1, "object_name": f"{sha256[:2]}/{sha256[2:]}"}
    )
    defaults: dict[str, Any] = {
        "kind": "bdist_wheel" if filename.endswith(".whl") else "sdist",
        "python_tag": "py3",
        "size": 1,
        "sha256": sha256,
        "blake2b_256": sha256,
        "md5": sha256[:32],
        "uploaded_at": timezone.now(),
        "uploaded_by": "somebody",
    }
    return File.objects.create(
        index=project.index, project=project, release=release, filename=filename, blob=blob, **(defaults | values)
    )


def upload(
    index: Index,
    built: Built | None = None,
    *,
    actor: Actor = SYSTEM,
    content_type: str = "",
    form: Mapping[str, str] | None = None,
    **fields: str,
) -> Accepted:
    """Publish ``built`` (a wheel of acme-tool 1.0 by default) through the service.

    ``form`` is what a client would say of it unless given; ``fields`` are said instead.
    """
    built = built or build_wheel()
    digest = MultiDigest()
    digest.update(built.content)
    with default_storage().spool() as spool:
        spool.file.write(built.content)
        said = {**(form_fields(built) if form is None else form), **fields}
        incoming = Incoming(
            index, {name: [value] for name, value in said.items()}, built.filename, content_type, spool, digest
        )
        return uploads.accept(actor=actor, incoming=incoming)


def published(index: Index, built: Built | None = None, **arguments: Any) -> File:
    """Publish as :func:`upload` and return the file's row."""
    built = built or build_wheel()
    upload(index, built, **arguments)
    return File.objects.select_related("release__project__index").get(index=index, filename=built.filename)


def form_fields(built: Built) -> dict[str, str]:
    """The fields that an upload client sends for ``built``, the file itself left out."""
    is_wheel = built.filename.endswith(".whl")
    if is_wheel:
        name, version, _, tags = parse_wheel_filename(built.filename)
        pyversion = min(tags, key=str).interpreter
    else:
        name, version = parse_sdist_filename(built.filename)
        pyversion = "source"
    return {
        ":action": "file_upload",
        "protocol_version": "1",
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": pyversion,
        "metadata_version": "2.4",
        "name": str(name),
        "version": str(version),
        "sha256_digest": hashlib.sha256(built.content).hexdigest(),
    }


def multipart(built: Built, fields: Mapping[str, str] | None = None) -> tuple[bytes, str]:
    """The body of an upload and its content type."""
    boundary = "tests-boundary-7d9a"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (form_fields(built) if fields is None else fields).items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{built.filename}"\r\n'
    parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", built.content]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def make_mirror(name: str = "", url: str = "", *, upstream: Mapping[str, Any] | None = None, **values: Any) -> Index:
    """A mirror of the repository at ``url``; ``upstream`` are further settings of it."""
    mirror = make_index(name, kind=Index.Kind.MIRROR, **values)
    Upstream.objects.create(index=mirror, url=url, **(upstream or {}))
    return mirror
