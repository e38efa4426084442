"""What the settings of a mirror's upstream may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

MOST_PEM = 100_000
"""Characters of certificates or of a key."""
MOST_SECONDS = 30 * 24 * 3600
MOST_HOURS = 100 * 365 * 24
FOLLOWING: Mapping[str, Mapping[str, str]] = {
    "on_removal": {
        "hide": "Follow: the file is on no page any more, and is refused",
        "keep": "Keep it: the file stays listed, and is served as before",
    },
    "on_yank": {
        "hide": "Follow: the file stays listed, marked yanked, for who asks for exactly its version",
        "keep": "Ignore it: the file is listed without the mark, and installers choose it as any other",
    },
    "on_quarantine": {
        "hide": "Follow: the project is quarantined here too, and its files are refused",
        "keep": "Warn only: the files are served, and the project is marked deprecated with the reason",
    },
}
"""What each answer to something that an upstream takes back does."""
_MOST_BYTES = 2**63 - 1
_NUMBERS = {
    "page_seconds": (1, MOST_SECONDS, "a number of seconds, at most 30 days"),
    "missing_seconds": (1, MOST_SECONDS, "a number of seconds, at most 30 days"),
    "keep_hours": (0, MOST_HOURS, "a number of hours"),
    "room": (1, _MOST_BYTES, "a number of bytes above zero, or nothing"),
}
_URL = (
    "Give the root of a simple repository, such as https://pypi.corp.example/simple/, without user name and password."
)
_PROXY = "Give http://host:port or https://host:port, with user@ before the host where the proxy asks for one."
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s.*?-----END (?:[A-Z]+ )?PRIVATE KEY-----", re.DOTALL)


def faults(values: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each of the values that cannot be, by its name."""
    found: dict[str, str] = {}
    if values["url"] and not _is_url(values["url"]):
        found["url"] = _URL
    if values["proxy_url"] and not _is_proxy(values["proxy_url"]):
        found["proxy_url"] = _PROXY
    found |= _of_credentials(values)
    for name, (least, most, words) in _NUMBERS.items():
        number = values[name]
        if not (number is None and name == "room") and not (isinstance(number, int) and least <= number <= most):
            found[name] = f"This is {words}."
    return found


def _of_credentials(values: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if values["password"] and not values["username"]:
        found["username"] = "There is a password, so give the user name that it belongs to."
    if ":" in values["username"] or not values["username"].isprintable():
        found["username"] = "A user name has no colon and no control characters."
    if values["proxy_password"] and "@" not in values["proxy_url"]:
        found["proxy_url"] = (
            "There is a password for the proxy, so put its user name before the host: http://user@host:port."
        )
    for name in ("ca_certificates", "client_certificate"):
        if values[name] and not (len(values[name]) <= MOST_PEM and _CERTIFICATE.search(values[name])):
            found[name] = "Give certificates in PEM, with their BEGIN and END lines."
    if bool(values["client_certificate"]) != bool(values["client_key"]):
        found["client_certificate"] = "A client certificate and its key go together; give both or neither."
    elif values["client_key"] and not (len(values["client_key"]) <= MOST_PEM and _KEY.search(values["client_key"])):
        found["client_key"] = "Give the key in PEM, not encrypted, with its BEGIN and END lines."
    return found


def leads_elsewhere(before: str, after: str) -> bool:
    """Whether two URLs are of different servers, to which the same secrets do not belong."""
    return _origin(before) != _origin(after)


def is_plain(url: str) -> bool:
    """Whether what is fetched from there can be changed on its way."""
    return url.lower().startswith("http://")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = _split(url)
    if parts is None:
        return ("", url, None)
    return (parts.scheme, parts.netloc.rpartition("@")[2].lower(), None)


def _is_url(url: str) -> bool:
    parts = _split(url)
    return parts is not None and "@" not in parts.netloc and not parts.query and not parts.fragment


def _is_proxy(url: str) -> bool:
    parts = _split(url)
    return parts is not None and parts.path in ("", "/") and not parts.query and parts.password is None


def _split(url: str) -> SplitResult | None:
    """The parts of an http or https URL on one line; None for what is none."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_sound and url.isascii() and url.isprintable() and " " not in url else None
