"""Every secret value that this process knows, so that it can be struck out wherever it turns up."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, urlsplit

from django.conf import settings

from accounts.models import AuditSink, Directory
from accounts.services import audit_senders
from accounts.services.directories import settings as directories
from tpi_site.kit.key_ring import KeyRingBroken, WrapBroken, key_ring

SECRET_NAME = re.compile(
    r"PASSW|PWD|SECRET|TOKEN|PEPPER|CREDENTIAL|PRIVATE|SIGNATURE|COOKIE|AUTHORIZATION|KEYRING|(?:^|[_-])KEYS?(?:$|[_-])",
    re.IGNORECASE,
)
"""What a variable or a field is called that holds something secret."""
_SHORTEST = 4  # characters; anything shorter would strike out half of every text
_SHORTEST_DIGITS = 6
_FILES = ("secret-key", "token-pepper", "audit-key", "initial-admin-password", "initial-token")
_USER_INFO = re.compile(r"://([^/@\s]+)@")


def secret_values() -> list[str]:
    """The values and the ways in which they are usually written, the longest first."""
    found = {each.strip() for value in _values() for each in (value, *value.splitlines())}
    spelled = {spelling for value in found if len(value) >= _SHORTEST for spelling in _spellings(value)}
    spelled -= {"-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"}
    return sorted(spelled, key=len, reverse=True)


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield base64.b64encode(value.encode()).decode()


def _values() -> Iterator[str]:
    yield from (settings.SECRET_KEY, settings.TPI_TOKEN_PEPPER, settings.TPI_AUDIT_KEY, settings.TPI_ADMIN_PASSWORD)
    yield from (str(database.get("PASSWORD") or "") for database in settings.DATABASES.values())
    for fields in settings.TPI_DIRECTORIES.values():
        yield str(fields.get("bind_password", ""))
    yield from _of_environment()
    yield from _of_files()
    yield from _of_ring()
    yield from _of_rows()


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and not name.endswith("_FILE") and not _is_harmless(value):
            yield value
        for info in _USER_INFO.findall(value):
            yield from _parts_of_user_info(info)
        with suppress(ValueError):
            yield from _secrets_of_query(value)


def _is_harmless(value: str) -> bool:
    """Whether the value says where a secret is, or how long one lives, and is none."""
    return value.startswith(("file:", "env:", "vault:", "/")) or (value.isdigit() and len(value) < _SHORTEST_DIGITS)


def _parts_of_user_info(info: str) -> Iterator[str]:
    user, separator, password = info.partition(":")
    secret = password if separator else user
    yield secret
    yield unquote(secret)


def _secrets_of_query(value: str) -> Iterator[str]:
    for pair in urlsplit(value).query.split("&"):
        name, _, secret = pair.partition("=")
        if SECRET_NAME.search(name):
            yield secret
            yield unquote(secret)


def _of_files() -> Iterator[str]:
    for name in _FILES:
        with suppress(OSError, UnicodeDecodeError):
            yield (Path(settings.TPI_DATA_DIR) / name).read_text(encoding="utf-8")


def _of_ring() -> Iterator[str]:
    scheme, _, place = settings.TPI_KEYRING.partition(":")
    if scheme == "file" and not Path(place).is_file():
        return  # a look must not make one
    with suppress(KeyRingBroken):
        ring = key_ring()
        for key in (*ring.keys.values(), ring.naming, *ring.former):
            yield base64.b64encode(key).decode()
            yield base64.urlsafe_b64encode(key).decode()
            yield key.hex()


def _of_rows() -> Iterator[str]:
    """The secrets that people have entered in the console; seeds of authenticator apps are struck out by their form."""
    with suppress(KeyRingBroken):
        ring = key_ring() if settings.TPI_KEYRING.startswith("env:") or any(_of_ring()) else None
        if ring is None:
            return
        sealed = [
            *(
                (row.bind_password, directories.purpose(row.name))
                for row in Directory.objects.only("name", "bind_password")
            ),
            *((row.secret, audit_senders.PURPOSE) for row in AuditSink.objects.only("secret")),
        ]
        for text, purpose in sealed:
            with suppress(WrapBroken):
                yield ring.unwrap(text, purpose).decode() if text else ""
