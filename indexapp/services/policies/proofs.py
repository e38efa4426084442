"""Which of a mirror's files have a provenance object that speaks of their very bytes: a mere claim proves nothing.

Signatures are not checked here; who installs checks them, with the object that is served.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from indexapp.models import File, MirroredProvenance

_MOST: Final = 50_000
_AT_ONCE: Final = 100
_Key = tuple[int, str, datetime]
_known: dict[_Key, bool] = {}
"""What was read once; objects are large, and pages ask for those of all files."""


def proved(files: QuerySet[File]) -> frozenset[str]:
    """Names of those of the files that are proved."""
    rows = files.filter(provenance__isnull=False, is_unhashed=False)
    keys = {
        (pk, sha256, at): name
        for pk, name, sha256, at in rows.values_list("pk", "filename", "sha256", "provenance__fetched_at")
    }
    _read([key for key in keys if key not in _known])
    return frozenset(name for key, name in keys.items() if _known.get(key, False))


def _read(keys: list[_Key]) -> None:
    if len(_known) + len(keys) > _MOST:
        _known.clear()
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        texts = dict(MirroredProvenance.objects.filter(pk__in=[key[0] for key in part]).values_list("pk", "text"))
        for key in part:
            _known[key] = key[1] in digests_of(texts.get(key[0], ""))


def digests_of(text: str) -> set[str]:
    """The SHA-256 digests of which the attestations of a provenance object (PEP 740) speak; whatever is wrong says none."""
    try:
        return set(_digests(json.loads(text)))
    except (ValueError, RecursionError):
        return set()


def _digests(said: object) -> Iterator[str]:
    for bundle in _list(_of(said, "attestation_bundles")):
        for attestation in _list(_of(bundle, "attestations")):
            statement = _of(_of(attestation, "envelope"), "statement")
            for subject in _list(_of(_statement(statement), "subject")):
                digest = _of(_of(subject, "digest"), "sha256")
                if isinstance(digest, str):
                    yield digest.lower()


def _statement(text: object) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):
        return None


def _of(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def forget_all() -> None:
    """Empty this process's memory of what was read."""
    _known.clear()
