"""Which function answers which machine address; the one table that both the fast path and Django's URLs use."""

from __future__ import annotations

import re
from indexapp.models.indexes import RESERVED_INDEX_NAMES
from indexapp.views.machine import files, simple
from indexapp.views.machine.messages import Question, Reply


_INDEX = r"[a-z0-9][a-z0-9-]{0,63}"
_SIMPLE = re.compile(rf"(?:/({_INDEX}))?/simple(?:/([^/]+))?/?\Z")
_FILE = re.compile(rf"(?:/({_INDEX}))?/files/([0-9a-f]{{2}}/[0-9a-f]{{2}}/[0-9a-f]{{60}}/[^/]+)\Z")


def answer(question: Question) -> Reply | None:
    """The reply to a read of a page or a file; None for an address that is none of these."""
    path = question.path
    if "/simple" in path:
        match = _SIMPLE.match(path)
        if match and match[1] not in RESERVED_INDEX_NAMES:
            if match[2] is None:
                return simple.root(question, match[1])
            return simple.project_page(question, match[1], match[2])
    if "/files/" in path:
        match = _FILE.match(path)
        if match and match[1] not in RESERVED_INDEX_NAMES:
            return files.file(question, match[1], match[2])
    return None
