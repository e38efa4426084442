"""Every secret value that this process knows, so that it can be struck out wherever it turns up."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ParsingFault
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, urlsplit

from django.conf import settings

from accounts.domain import sealed_purposes
from accounts.models import AuditSink, Directory
from accounts.services import audit_senders
from accounts.services.directories import settings as directories
from indexapp.models import MirrorSite, Upstream
from indexapp.services.mirrors import secrets as upstreams
from indexapp.services.sites import secrets as sites
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.key_ring import WrapBroken
from tpi_site.kit.secret_forms import CREDENTIALS

SECRET_NAME = re.compile(
    r"PASSW|PWD|SECRET|TOKEN|PEPPER|CREDENTIAL|PRIVATE|SIGNATURE|COOKIE|AUTHORIZATION|KEYRING|(?:^|[_-])KEYS?(?:$|[_-])",
    re.IGNORECASE,
)
"""What a variable or a field is called that holds something secret."""
_SHORTEST = 4  # characters; anything shorter would strike out half of every text
_SHORTEST_DIGITS = 6
_FILES = ("secret-key", "token-pepper", "audit-key", "initial-admin-password", "initial-token")
_MOST = 64 * 1024  # bytes of a file that holds a secret
_USER_INFO = CREDENTIALS["user info of an address"]


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
    yield from _of_aws()
    yield from _of_ring()
    yield from _of_rows()


def _of_environment() -> Iterator[str]:
    for name, value in _environment():
        if SECRET_NAME.search(name) and not _is_harmless(value):
            yield value
        for info in _USER_INFO.finditer(value):
            yield from _parts_of_user_info(info.group())
        with suppress(ValueError):
            yield from _secrets_of_query(value)


def _environment() -> Iterator[tuple[str, str]]:
    """The variables, with what is in the files that those named ``X_FILE`` name, under the name of ``X``."""
    for name, value in os.environ.items():
        if name.endswith("_FILE"):
            yield name.removesuffix("_FILE"), _text_of(Path(value)).strip()
        else:
            yield name, value


def _text_of(path: Path) -> str:
    with suppress(OSError, ValueError), path.open(encoding="utf-8") as file:
        return file.read(_MOST)
    return ""


def _of_aws() -> Iterator[str]:
    """What the credentials file of boto3 holds, wherever the settings of the storage or of KMS leave it to that."""
    place = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    found = ConfigParser(interpolation=None, strict=False)
    with suppress(ParsingFault, RuntimeError):
        found.read_string(_text_of(Path(place).expanduser()))
    for profile in found.sections():
        yield from (value for name, value in found.items(profile) if SECRET_NAME.search(name))


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


def _ring() -> key_ring.KeyRing | None:
    """None where there is none, which a look must not make, or where it does not open now."""
    with suppress(Unavailable):
        return key_ring.key_ring() if key_ring.is_there() else None
    return None


def _of_ring() -> Iterator[str]:
    if ring := _ring():
        for key in (*ring.keys.values(), ring.naming, *ring.former):
            yield base64.b64encode(key).decode()
            yield base64.urlsafe_b64encode(key).decode()
            yield key.hex()


def _of_rows() -> Iterator[str]:
    """The secrets that people have entered in the console; seeds of authenticator apps are struck out by their form."""
    if ring := _ring():
        sealed = [
            *(
                (row.bind_password, directories.purpose(row))
                for row in Directory.objects.only("bind_password", *sealed_purposes.DIRECTORY)
            ),
            *((row.secret, audit_senders.purpose(row)) for row in AuditSink.objects.only("secret", "address")),
            *(
                (getattr(row, name), upstreams.purpose(row, name))
                for row in Upstream.objects.all()
                for name in upstreams.NAMES
            ),
            *((row.signing_key, sites.purpose(row.name, row.base_url)) for row in MirrorSite.objects.all()),
        ]
        for text, purpose in sealed:
            with suppress(WrapBroken):
                yield ring.unwrap(text, purpose).decode() if text else ""
