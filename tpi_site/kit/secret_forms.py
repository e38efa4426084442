"""What a secret looks like, whoever it belongs to: one place for the logs and for what leaves the installation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NAME = (
    r"[\w-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credential|pepper"
    r"|sess(?:ion)?[_-]?(?:id|key)|tpi[_-]session|tpi[_-]csrf)[\w-]*"
)
_QUOTED = r'\\"(?:(?!\\").)*(?:\\"|$)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?'
"""Up to its own quote, with whatever stands in it; also within a text that is quoted itself."""
_PORT = r"\d{1,5}(?:[/?#\s\"',;]|$)"

CREDENTIALS: Mapping[str, re.Pattern[str]] = {
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    "key block": re.compile(r"^(?=[^\n]*[A-Z])(?=[^\n]*[a-z])(?=[^\n]*\d)[0-9A-Za-z+/]{60,}={0,2}$", re.MULTILINE),
    "token": re.compile(
        r"tpi_[0-9A-Za-z]{16,}|\b(?:pypi|gh[a-z]|glpat|xox[a-z]|sk|whsec)[_-][0-9A-Za-z_+/-]{16,}=*|\bhv[sbr]\.[\w-]{8,}"
        r"|(?<=hooks\.slack\.com/services/)[\w/]+"
    ),
    "web token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.?[\w-]*"),
    "sealed text": re.compile(r"\bs1\.[^.\s]{1,40}\.[\w+/=-]{8,}|\bvault:v\d+:[\w+/=-]+"),
    "password hash": re.compile(r"(?:\$?argon2\w*\$|pbkdf2_\w+\$|bcrypt\w*\$|scrypt\$)[^\s\"',]+"),
    "user info of an address": re.compile(rf"(?<=://)(?:[^/@\s\"':\[]*:(?!{_PORT})[^\s\"']*(?=@)|[^/@\s\"']+(?=@))"),
    "authorization": re.compile(
        r"(?i)(?:(?<=basic )|(?<=bearer )|(?<=apikey ))[\w+/=.:~-]{6,}"
        r"|(?<=authorization: )(?!(?:basic|bearer|apikey) )[^\n\"]+"
    ),
    "cookie": re.compile(r"(?i)(?<=cookie: )[^\n\"]+"),
    "field": re.compile(rf"(?i)(?<![\w-])({_NAME}(?:\\?[\"'])?\s*[=:]\s*)({_QUOTED}|[^\s\"'&,;}}{{)\]]+)"),
    "argument": re.compile(
        rf"(?i)(?<![\w])((?:--)?(?:password|passphrase|secret|token)\s+(?=[\"'])|--password\s+)({_QUOTED}|\S+)"
    ),
    "query": re.compile(r"(?i)([?&](?:code|state|sig|key|auth|otp|ticket)=)([^&\s\"']+)"),
    "AWS key id": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    "key": re.compile(r"(?<![\w+/-])[\w+/-]{43}=(?!=)"),
    "one-time seed": re.compile(r"\b[A-Z2-7]{26,}\b"),
}
"""Those that open something; a first group, where a form has one, says what follows and stays."""
PEOPLE: Mapping[str, re.Pattern[str]] = {
    "mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "directory entry": re.compile(
        r"(?i)\b(?:cn|ou|dc|uid|samaccountname)=[^,;\"'\n)]+(?:,\s*(?:cn|ou|dc|uid|o|l|c)=[^,;\"'\n)]+)*"
    ),
}
"""Those that name somebody, which the logs of the installation itself may do."""


def struck(text: str, forms: Mapping[str, re.Pattern[str]], instead: Callable[[str], str]) -> str:
    """``text`` with ``instead`` of its kind for each secret that has one of the forms."""
    for kind, form in forms.items():

        def strike(found: re.Match[str], kind: str = kind) -> str:
            if "[redacted" in found.group() or "redacted:" in found.group():
                return found.group()
            return (found.group(1) if found.re.groups else "") + instead(kind)

        text = form.sub(strike, text)
    return text
