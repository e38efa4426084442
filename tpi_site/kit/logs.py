"""Log lines as JSON objects, one a line, with the request's id, or as sentences; never with a credential."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from tpi_site.kit.request_context import current
from tpi_site.kit.secret_forms import CREDENTIALS, struck


def redact(text: str) -> str:
    """``text`` without tokens, keys, cookies, passwords and whatever else has the form of a credential."""
    return struck(text, CREDENTIALS, lambda _kind: "[redacted]")


class RequestIdFilter(logging.Filter):
    """Give each record the id of the request in which it was written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drop a record."""
        record.request_id = current.get().request_id
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line; line breaks inside a message cannot forge a second one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for ``record``."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if checkpoint := getattr(record, "checkpoint", ""):
            line["checkpoint"] = checkpoint  # public, and worth nothing with anything struck out
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class Sentences(logging.Formatter):
    """One sentence a line, for who called a command: how bad it is, and what."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for ``record``."""
        told = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]) is not None:
            told = f"{told} ({type(error).__name__}: {error})"
        return f"{record.levelname.capitalize()}: {redact(' '.join(told.split()))}"
