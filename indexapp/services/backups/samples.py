"""Files at random, and whether the server gives them as they were published."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.domain.verbs import Verb
from accounts.services import tokens, users
from indexapp.models import File, Project
from indexapp.services.backups.scratch import MARK
from tpi_site.kit import read_only
from tpi_site.kit.errors import Forbidden

_PIECE = 256 * 1024
_JSON = "application/vnd.pypi.simple.v1+json"


def chosen(number: int) -> dict[str, Any]:
    """Files of a scratch installation at random, and a token that reads them; refused anywhere else."""
    if not (Path(settings.TPI_DATA_DIR) / MARK).exists():
        raise Forbidden("Only a drill asks this, of the scratch installation that it has made.", code="no-scratch")
    actor, name = internal("drill"), f"drill-{random.SystemRandom().getrandbits(40):x}"
    until = timezone.now() + timedelta(days=1)
    with read_only.passing():  # the backup may be of a moment when the mode was on
        reader = users.create(actor=actor, username=name, password=_unknown(), is_superuser=True)
        _, token = tokens.issue(actor=actor, owner=reader, name="drill", verbs=[Verb.READ], expires_at=until)
    return {"token": token, "files": [_words(file) for file in _at_random(number)]}


def _unknown() -> str:
    return secrets.token_urlsafe(24)


def _at_random(number: int) -> Iterator[File]:
    """By random numbers between the first row and the last, so that no list is sorted."""
    rows = (
        File.objects.select_related("index", "project").filter(blob__isnull=False, blob__damaged_at=None).order_by("pk")
    )
    rows = rows.exclude(project__status=Project.Status.QUARANTINED).exclude(is_hidden=True)
    first, last = rows.first(), rows.last()
    if first is None or last is None:
        return
    seen: set[int] = set()
    for _ in range(number * 4):
        file = rows.filter(pk__gte=random.SystemRandom().randint(first.pk, last.pk)).first()
        if file is not None and file.pk not in seen and len(seen) < number:
            seen.add(file.pk)
            yield file


def _words(file: File) -> dict[str, str]:
    return {
        "index": file.index.name,
        "project": file.project.normalized_name,
        "filename": file.filename,
        "sha256": file.sha256,
    }


def installed(there: http.client.HTTPConnection, token: str, file: dict[str, str]) -> str:
    """Find the file on its project's page and fetch it, as an installer does; what is wrong, or nothing."""
    headers = {"Authorization": "Basic " + base64.b64encode(f"__token__:{token}".encode()).decode()}
    page = f"/{file['index']}/simple/{file['project']}/"
    status, body = _asked(there, page, {**headers, "Accept": _JSON})
    if status != http.HTTPStatus.OK:
        return f"{file['filename']}: its project's page answers {status}"
    listed = {each["filename"]: each for each in json.loads(body)["files"]}
    entry = listed.get(file["filename"])
    if entry is None or entry["hashes"]["sha256"] != file["sha256"]:
        return f"{file['filename']}: its project's page does not list it with its SHA-256"
    return _fetched(there, urlsplit(urljoin(page, entry["url"])).path, headers, file)


def _asked(there: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    there.request("GET", path, headers=headers)
    answer = there.getresponse()
    return answer.status, answer.read()


def _fetched(there: http.client.HTTPConnection, path: str, headers: dict[str, str], file: dict[str, str]) -> str:
    there.request("GET", path, headers=headers)
    answer, digest = there.getresponse(), hashlib.sha256()
    while piece := answer.read(_PIECE):
        digest.update(piece)
    if answer.status != http.HTTPStatus.OK:
        return f"{file['filename']}: its address answers {answer.status}"
    return "" if digest.hexdigest() == file["sha256"] else f"{file['filename']}: other bytes came"
