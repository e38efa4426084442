"""Which function answers which machine address; the one table that both the fast path and Django's URLs use."""

from __future__ import annotations

import re

from indexapp.models.indexes import SITE_SEGMENTS
from indexapp.views.machine import files, project_json, replication, rss, simple
from indexapp.views.machine.messages import Later, Question, Reply

# The site's own first segments are excluded in the pattern, so that /simple/simple/ is the page of a project.
INDEX = rf"(?!(?:{'|'.join(sorted(SITE_SEGMENTS))})/)[a-z0-9][a-z0-9-]{{0,63}}"
FILE = r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+"
_SIMPLE = re.compile(rf"(?:/({INDEX}))?/simple(?:/([^/]+))?/?\Z")
_LISTING = re.compile(rf"(?:/({INDEX}))?/legacy/\+simple/([^/]+)/?\Z")
_FILE = re.compile(rf"(?:/({INDEX}))?/files/({FILE})\Z")
_PACKAGE = re.compile(rf"/packages/({INDEX})/({FILE})\Z")
_JSON = re.compile(rf"(?:/({INDEX}))?/pypi/([^/]+)(?:/([^/]+))?/json/?\Z")
_FEED = re.compile(rf"(?:/({INDEX}))?/rss/(?:(updates|packages)|project/([^/]+)/releases)\.xml\Z")
_PROVENANCE = re.compile(rf"(?:/({INDEX}))?/integrity/([^/]+)/([^/]+)/([^/]+)/provenance\Z")
_REPLICATION = re.compile(r"/api/v1/replication/(hello|feed|tree|blobs/[0-9a-f]{64})/\Z")


def concerns(path: str) -> bool:
    """Whether the address may be one of these; a cheap first look."""
    return "simple" in path or "/files/" in path or path.startswith("/packages/") or _is_rare(path)


def _is_rare(path: str) -> bool:
    is_feed = "/rss/" in path or path.startswith("/api/v1/replication/")
    return is_feed or "/pypi/" in path or "/integrity/" in path


def answer(question: Question) -> Reply | Later | None:
    """The reply to a machine read; None for an address that is none of these."""
    path = question.path
    if "/simple" in path and (match := _SIMPLE.match(path)):
        if match[2] is None:
            return simple.root(question, match[1])
        return simple.project_page(question, match[1], match[2])
    if "/legacy/" in path and (match := _LISTING.match(path)):
        return simple.listing(question, match[1], match[2])
    if "/files/" in path and (match := _FILE.match(path)):
        return files.file(question, match[1], match[2])
    return _answer_rare(question)


def _answer_rare(question: Question) -> Reply | Later | None:
    path = question.path
    if match := _REPLICATION.match(path):
        return replication.answer(question, match[1])
    if match := _PACKAGE.match(path):
        return files.file(question, match[1], match[2])
    if match := _JSON.match(path):
        return project_json.document(question, match[1], match[2], match[3])
    if match := _FEED.match(path):
        if match[2] is None:
            return rss.of_project(question, match[1], match[3])
        return rss.of_index(question, match[1], match[2])
    if match := _PROVENANCE.match(path):
        return project_json.provenance(question, match[1], match[2], match[3], match[4])
    return None
