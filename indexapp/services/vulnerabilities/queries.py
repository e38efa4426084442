"""What OSV clients ask: which advisories speak of a version of a project, one by one or many at once.

The questions and answers are those of the OSV API, version 1.  Of other ecosystems, and of commits, nothing is known here,
which is said as an answer without advisories, as that API does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.domain.osv.record import ECOSYSTEM
from indexapp.domain.timestamps import iso_utc
from indexapp.models import Advisory
from indexapp.services.vulnerabilities import matching
from indexapp.services.vulnerabilities.matching import KnownAdvisory
from tpi_site.kit.errors import Invalid, NotFound

MOST_QUERIES = 1_000
"""Questions of one batch."""
PAGE_SIZE = 200
"""Advisories of one answer; the rest is told by its page token."""
BATCH_SIZE = 3_000
"""Advisories of all answers of one batch."""
_PURL = "pkg:pypi/"
_LONGEST = 500
_ID_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Question:
    """``name`` is normalised, and empty where nothing can be known; without ``version`` all are meant."""

    name: str
    version: str = ""
    after: str = ""
    """The id after which the answer goes on."""


def question_of(body: object) -> Question:
    """What is asked; raises :class:`Invalid`."""
    if not isinstance(body, dict):
        raise _wrong("A query is a JSON object with 'package' and perhaps 'version'.")
    package = body.get("package")
    version, token = _text(body, "version"), _text(body, "page_token")
    if package is None and _text(body, "commit"):
        return Question("")
    if not isinstance(package, dict):
        raise _wrong("Give a package: its name and ecosystem, or its purl.")
    if purl := _text(package, "purl"):
        return _of_purl(purl, version, token)
    name = _text(package, "name")
    if not name:
        raise _wrong("Give the package's name and ecosystem, or its purl.")
    is_ours = _text(package, "ecosystem") == ECOSYSTEM and is_valid_name(name)
    return Question(normalize_name(name) if is_ours else "", version, _position(token))


def _of_purl(purl: str, version: str, token: str) -> Question:
    """A package URL, of which qualifiers and a subpath are passed over."""
    name, _, within = purl.partition("#")[0].partition("?")[0].removeprefix(_PURL).partition("@")
    if within and version:
        raise _wrong("Give the version once: in the purl, or beside it.")
    name = unquote(name)
    is_ours = purl.startswith(_PURL) and is_valid_name(name)
    return Question(normalize_name(name) if is_ours else "", version or unquote(within), _position(token))


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST or "\x00" in value:
        raise _wrong(f"'{name}' is a text of at most {_LONGEST} characters.")
    return value


def _wrong(sentence: str) -> Invalid:
    return Invalid(sentence, code="osv-query-invalid")


def answer(question: Question) -> dict[str, Any]:
    """The records that speak of what is asked; empty where none does."""
    found, token = _page(_matching([question])[0], question, PAGE_SIZE)
    documents = {
        row.osv_id: document_of(row) for row in Advisory.objects.filter(osv_id__in=[one.osv_id for one in found])
    }
    return _answered([documents[one.osv_id] for one in found if one.osv_id in documents], token)


def answer_batch(body: object) -> list[dict[str, Any]]:
    """For each question of the batch the ids of the records and when they were modified."""
    queries = body.get("queries") if isinstance(body, dict) else None
    if not isinstance(queries, list) or len(queries) > MOST_QUERIES:
        raise _wrong(f"Give 'queries', a list of at most {MOST_QUERIES}.")
    questions = [question_of(each) for each in queries]
    answers, left = [], BATCH_SIZE
    for question, matches in zip(questions, _matching(questions), strict=True):
        found, token = _page(matches, question, min(PAGE_SIZE, max(left, 1)))
        left -= len(found)
        answers.append(_answered([{"id": one.osv_id, "modified": iso_utc(one.modified)} for one in found], token))
    return answers


def _matching(questions: Sequence[Question]) -> list[list[KnownAdvisory]]:
    known = matching.every_advisory_for_all({question.name for question in questions if question.name})
    return [
        [
            one
            for one in known.get(question.name, ())
            if one.withdrawn_at is None and (not question.version or one.affects(question.version))
        ]
        for question in questions
    ]


def _page(found: list[KnownAdvisory], question: Question, size: int) -> tuple[list[KnownAdvisory], str]:
    rest = [one for one in found if one.osv_id > question.after]
    token = _token(rest[size - 1].osv_id) if len(rest) > size else ""
    return rest[:size], token


def _answered(rows: list[dict[str, Any]], token: str) -> dict[str, Any]:
    return ({"vulns": rows} if rows else {}) | ({"next_page_token": token} if token else {})


def _token(osv_id: str) -> str:
    return base64.urlsafe_b64encode(osv_id.encode()).decode().rstrip("=")


def _position(token: str) -> str:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _wrong("The page token is none of this service; ask again without it.") from None


def one(osv_id: str) -> dict[str, Any]:
    """The record of this id, a withdrawn one too."""
    row = Advisory.objects.filter(osv_id=osv_id).first() if len(osv_id) <= _ID_LENGTH and "\x00" not in osv_id else None
    if row is None:
        raise NotFound("No advisory of this id was imported.", code="advisory-unknown")
    return document_of(row)


def document_of(row: Advisory) -> dict[str, Any]:
    """The record as clients read it."""
    withdrawn = {"withdrawn": iso_utc(row.withdrawn_at)} if row.withdrawn_at else {}
    return {**row.document, **withdrawn}
