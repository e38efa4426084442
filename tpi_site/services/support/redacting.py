"""Striking out what must not leave the installation: known secrets, whatever has the form of one, and names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tpi_site.kit.secret_forms import CREDENTIALS, PEOPLE, struck
from tpi_site.services.support.secret_values import SECRET_NAME, secret_values

FORMS: Mapping[str, re.Pattern[str]] = {**CREDENTIALS, **PEOPLE}
"""What is struck out of whatever leaves the installation."""

Renamer = Callable[[str], str]


def _same(text: str) -> str:
    return text


class Redactor:
    """Strikes out of texts and JSON; ``counts`` tells how often what was struck out."""

    def __init__(self, rename: Renamer = _same) -> None:
        self.counts: Counter[str] = Counter()
        self._known = [value for value in secret_values() if value]
        self._rename = rename

    def text(self, text: str) -> str:
        """``text`` without anything secret, and with its names replaced where that is wished."""
        for value in self._known:
            if value in text:
                self.counts["known secret"] += text.count(value)
                text = text.replace(value, "[redacted: known secret]")
        return self._rename(struck(text, FORMS, self._counted))

    def _counted(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"[redacted: {kind}]"

    def within(self, value: Any) -> Any:
        """JSON with each of its strings as :meth:`text` leaves it, and nothing in fields that are called like a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._field(str(name), each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(each) for each in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and value and SECRET_NAME.search(name):
            self.counts["field"] += 1
            return "[redacted: field]"
        return self.within(value)
