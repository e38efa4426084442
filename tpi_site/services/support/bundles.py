"""A ZIP file for who helps from outside: how the installation is, without anything secret."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, transaction

from accounts import permissions
from accounts.domain.actors import Actor
from accounts.services import audit
from tpi_site.kit.errors import Refusal
from tpi_site.kit.recent_lines import recent_lines
from tpi_site.services.doctor.examining import examine
from tpi_site.services.support import contents
from tpi_site.services.support.naming import Pseudonyms
from tpi_site.services.support.redacting import FORMS, Redactor

_LOG_BYTES = 512 * 1024
"""Of the end of each log file."""
_ABOUT = """A support bundle of the Trusted Packaging Index.

versions.json     what runs here
settings.json     settings; secret ones only as set or not
doctor.json       every part of the installation, examined when the bundle was made
migrations.json   of the database
counts.json       rows of each table
jobs.json         what waits, failed, and comes by the clock; without arguments
alarms.json       the last alarms
checkpoints.json  the last signed checkpoints of the audit log
log.txt           the last lines of the process that made the bundle, or of the files that were named
metrics.txt       the metrics
REDACTIONS.json   how often what was struck out

Passwords, tokens, keys, sealed texts, user info of addresses, mail addresses and entries of directories are struck out.
"""
_NAMELESS = "Names of projects, indexes, teams, accounts, directories and audit sinks are replaced by pseudonyms.\n"


def make(*, actor: Actor, target: BinaryIO, with_names: bool = False, logs: Iterable[Path] = ()) -> dict[str, int]:
    """Write the bundle to ``target`` and return how often what was struck out; that it was made is recorded first.

    ``with_names`` leaves the names of projects and people as they are.  ``logs`` are files whose last lines go in, instead of
    the lines that this process remembers.
    """
    permissions.require_operator(actor, "make a support bundle")
    if with_names:  # an operator does not see private projects
        permissions.require_administrator(actor, "make a support bundle with names")
    named = "with names" if with_names else "without names"
    with transaction.atomic():
        audit.record(actor=actor, action="support-bundle.make", object_type="support-bundle", object_name=named)
    pseudonyms = Pseudonyms()
    redactor = Redactor() if with_names else Redactor(pseudonyms.rename)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", _ABOUT + ("" if with_names else _NAMELESS))
        bundle.writestr("doctor.json", _json(_examined(actor, redactor)))
        for name, read in _SOURCES.items():
            bundle.writestr(f"{name}.json", _json(_told(read, redactor)))
        bundle.writestr(
            "checkpoints.json", _json(_or_reason(contents.checkpoints))
        )  # public, and of no use when changed
        bundle.writestr("log.txt", "\n".join(_redacted_line(line, redactor) for line in _log(logs)))
        bundle.writestr("metrics.txt", "\n".join(redactor.text(line) for line in contents.metrics()))
        counts = dict(redactor.counts + pseudonyms.counts)
        bundle.writestr("REDACTIONS.json", _json(counts))
    return counts


_SOURCES: dict[str, Callable[[], Any]] = {
    "versions": contents.versions,
    "settings": contents.settings,
    "migrations": contents.migrations,
    "counts": contents.counts,
    "jobs": contents.jobs,
    "alarms": contents.alarms,
}
_AS_IT_IS = {"versions", "migrations", "counts"}


def _told(read: Callable[[], Any], redactor: Redactor) -> Any:
    """What ``read`` tells, or why it cannot: a bundle is made when something is broken."""
    found = json.loads(_json(_or_reason(read)))
    return found if read.__name__ in _AS_IT_IS and isinstance(found, dict | list) else redactor.within(found)


def _or_reason(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (DatabaseError, OSError, Refusal) as error:
        return f"It could not be read: {type(error).__name__}"


def _examined(actor: Actor, redactor: Redactor) -> dict[str, object]:
    found = examine(actor=actor)
    checks = [finding.as_json() for finding in found.findings]
    for check in checks:
        check["sentence"], check["advice"] = redactor.text(str(check["sentence"])), redactor.text(str(check["advice"]))
    return {"healthy": found.is_healthy, "checks": checks}


def _log(files: Iterable[Path]) -> Iterable[str]:
    given = list(files)
    if not given:
        yield from recent_lines()
    for path in given:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LOG_BYTES))
            yield f"--- {path.name}"
            yield from _whole_lines(file.read(_LOG_BYTES), is_cut=size > _LOG_BYTES)


def _whole_lines(end: bytes, *, is_cut: bool) -> list[str]:
    """The lines, without keys that take several.

    A first line whose beginning is cut off is left out: it may hold half a secret, which nothing would know any more.
    """
    text = FORMS["private key"].sub("[redacted: private key]", end.decode("utf-8", errors="replace"))
    return text.splitlines()[1 if is_cut else 0 :]


def _redacted_line(line: str, redactor: Redactor) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return redactor.text(line)
    return json.dumps(redactor.within(found), ensure_ascii=False)


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
