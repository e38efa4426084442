"""Striking out what must not leave the installation: known secrets, whatever has the form of one, and names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tpi_site.services.support.secret_values import SECRET_NAME, secret_values

_FIELD = r"[\w-]*(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credential|pepper)[\w-]*"
FORMS: Mapping[str, re.Pattern[str]] = {
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    "key block": re.compile(r"^[0-9A-Za-z+/]{60,}={0,2}$", re.MULTILINE),
    "token": re.compile(r"\btpi_[0-9A-Za-z]{16,}|\b(?:pypi|gh[a-z]|glpat|xox[a-z]|sk|whsec)[_-][0-9A-Za-z_+/-]{16,}=*"),
    "web token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.?[\w-]*"),
    "sealed text": re.compile(r"\bs1\.[^.\s]{1,40}\.[\w+/=-]{8,}"),
    "password hash": re.compile(r"(?:\$?argon2\w*\$|pbkdf2_\w+\$|bcrypt\w*\$|scrypt\$)[^\s\"',]+"),
    "user info of an address": re.compile(r"(?<=://)[^/@\s\"']+(?=@)"),
    "authorization": re.compile(r"(?i)(?:(?<=basic )|(?<=bearer )|(?<=apikey ))[\w+/=.:~-]{6,}"),
    "cookie": re.compile(r"(?i)(?<=tpi_session=)[^;\s\"']+|(?<=tpi_csrf=)[^;\s\"']+|(?<=cookie: )[^\n\"]+"),
    "field": re.compile(rf"(?i)(?<![\w-])({_FIELD}[\"']?\s*[=:]\s*[\"']?)([^\s\"'&,;}}{{)\]]+)"),
    "AWS key id": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    "key": re.compile(r"(?<![\w+/-])[\w+/-]{43}=(?!=)"),
    "one-time seed": re.compile(r"\b[A-Z2-7]{26,}\b"),
    "mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "directory entry": re.compile(
        r"(?i)\b(?:cn|ou|dc|uid|samaccountname)=[^,;\"'\n)]+(?:,\s*(?:cn|ou|dc|uid|o|l|c)=[^,;\"'\n)]+)*"
    ),
}
"""What a secret looks like, whoever it belongs to."""

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
        for kind, form in FORMS.items():
            text = self._without(kind, form, text)
        return self._rename(text)

    def _without(self, kind: str, form: re.Pattern[str], text: str) -> str:
        def strike(found: re.Match[str]) -> str:
            if "[redacted" in found.group() or "redacted:" in found.group():
                return found.group()
            self.counts[kind] += 1
            return (found.group(1) if kind == "field" else "") + f"[redacted: {kind}]"

        return form.sub(strike, text)

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
