"""``TPI_KEYRING``: where the ring lies and who wraps its keys.

=====================================================  =================================================================
``file:PATH``                                          a file that holds the keys
``env:VARIABLE``                                       a variable that holds the keys
``vault:https://host/transit/NAME?ring=PATH``          a file of keys that the transit engine of Vault or OpenBao wrapped
``kms:KEY?ring=PATH&region=…``                         a file of keys that AWS KMS wrapped
=====================================================  =================================================================
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings

from tpi_site.kit.keys.places import Place, RingFile, Variable
from tpi_site.kit.keys.sources import KeyRingBroken
from tpi_site.kit.keys.vault import Transit

_EXPECTED = (
    "TPI_KEYRING must be file:PATH, env:VARIABLE, vault:https://host/transit/NAME?ring=PATH or kms:KEY?ring=PATH; see "
    "docs/encryption.md."
)


def place_at(address: str) -> Place:
    """The place that the address names; raises KeyRingBroken where it is none."""
    scheme, _, rest = address.partition(":")
    if scheme == "env" and rest:
        return Variable(rest)
    if scheme == "file" and rest:
        return RingFile(Path(rest))
    if scheme == "vault":
        return _vault(rest)
    if scheme == "kms":
        return _kms(rest)
    raise KeyRingBroken(_EXPECTED)


def _vault(rest: str) -> Place:
    try:
        parts = urlsplit(rest)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        host = parts.hostname
    except ValueError:
        raise KeyRingBroken(_EXPECTED) from None
    mount, _, key = parts.path.strip("/").rpartition("/")
    if (
        parts.scheme != "https"
        or not host
        or parts.username
        or not mount
        or not key
        or options.keys() - {"ring", "namespace"}
    ):
        raise KeyRingBroken(_EXPECTED)
    address = f"https://{parts.netloc}"
    return RingFile(_ring(options), Transit(address, mount, key, options.get("namespace", ""), _authorities()))


def _kms(rest: str) -> Place:
    key, _, query = rest.partition("?")
    try:
        options = dict(parse_qsl(query, strict_parsing=bool(query)))
    except ValueError:
        raise KeyRingBroken(_EXPECTED) from None
    endpoint = options.get("endpoint", "")
    if not key or options.keys() - {"ring", "region", "endpoint"} or (endpoint and not endpoint.startswith("https://")):
        raise KeyRingBroken(_EXPECTED)
    from tpi_site.kit.keys.kms import Kms

    source = Kms(key, region=options.get("region", ""), endpoint=endpoint, ca_file=settings.TPI_KEY_SOURCE_CA)
    return RingFile(_ring(options), source)


def _ring(options: dict[str, str]) -> Path:
    return Path(options.get("ring") or settings.TPI_DATA_DIR / "keyring.json")


def _authorities() -> str:
    path = settings.TPI_KEY_SOURCE_CA
    try:
        return Path(path).read_text(encoding="ascii") if path else ""
    except (OSError, UnicodeDecodeError):
        raise KeyRingBroken("The file that TPI_KEY_SOURCE_CA names cannot be read.") from None
