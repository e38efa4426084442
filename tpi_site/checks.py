"""System checks of the installation's settings; each misconfiguration has a number and a hint."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's own name
from django.core.exceptions import ImproperlyConfigured

from indexapp.domain.client_regions import Regions
from indexapp.storage.addresses import store_for
from tpi_site.kit import sealing
from tpi_site.settings import env

_RATE = re.compile(r"\d+/(s|sec|second|m|min|minute|h|hour|d|day)\Z")
_CACHE_SCHEMES = ("redis", "rediss", "unix")
_LATER = ("TPI_ROLE",)
_LEAST_KEY = 16  # as a site's key has where it is registered
_KNOWN_ELSEWHERE = {"TPI_TEST_DATABASE", "TPI_PLAIN_PIP", "TPI_TOKEN"}


@register()
def environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001: values that the typed readers could not use; W002: variables that nothing reads."""
    messages: list[CheckMessage] = [
        Error(f"{problem.variable}: {problem.sentence}", hint="See docs/settings.md.", id="tpi.E001")
        for problem in env.problems
    ]
    messages += [
        Warning(f"{name} is set, but this version does not serve it yet.", hint="See CHANGELOG.md.", id="tpi.W011")
        for name in sorted(os.environ)
        if name.startswith(_LATER)
    ]
    known = set(env.declared) | {f"{name}_FILE" for name in env.declared} | _KNOWN_ELSEWHERE
    messages += [
        Warning(f"{name} is set, but there is no such setting.", hint="Check the spelling.", id="tpi.W002")
        for name in sorted(os.environ)
        if name.startswith("TPI_") and name not in known and not name.startswith(_LATER)
    ]
    return messages


@register()
def addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E003 to E006, W014, E017 and E018: where the site listens, what it is called, and who speaks for clients."""
    if settings.TPI_URL and not _is_http_url(settings.TPI_URL):
        yield Error(
            "TPI_URL is not an http or https address.", hint="Use https://host or https://host/path.", id="tpi.E003"
        )
    host, _, port = settings.TPI_BIND.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004  the highest port
        yield Error("TPI_BIND is not host:port.", hint="For example 127.0.0.1:8000.", id="tpi.E004")
    for name in ("TPI_TRUSTED_PROXIES", "TPI_METRICS_NETWORKS"):
        for text in getattr(settings, name):
            if not _is_network(text):
                yield Error(f"{name}: '{text}' is not a network.", hint="For example 10.0.0.0/8.", id="tpi.E005")
    if settings.TPI_URL.startswith("https:") and not settings.TPI_TRUSTED_PROXIES:
        yield Warning(
            "TPI_URL is an https address, but no proxy is believed to have received requests so.",
            hint="Name the network of the proxy that ends TLS in TPI_TRUSTED_PROXIES.",
            id="tpi.W014",
        )
    if settings.TPI_ACCEL_LOCATION and not settings.TPI_ACCEL_LOCATION.startswith("/"):
        yield Error(
            "TPI_ACCEL_LOCATION is not a location.",
            hint="Name nginx's internal location, such as /blobs/.",
            id="tpi.E006",
        )
    try:
        Regions(settings.TPI_CLIENT_REGIONS)
    except ValueError as error:
        yield Error(f"TPI_CLIENT_REGIONS: {error}.", hint="For example 10.1.0.0/16=eu-de.", id="tpi.E017")
    if any(len(key) < _LEAST_KEY for key in settings.TPI_SITE_KEYS):
        yield Error(
            f"TPI_SITE_KEYS has a key of fewer than {_LEAST_KEY} characters, which can be guessed.",
            hint="Make each with: openssl rand -hex 32",
            id="tpi.E018",
        )


@register()
def state(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """E007 to E010, E012 and E013: where state is kept, and how much may be asked."""
    try:
        store_for(settings.TPI_STORAGE_URL, settings.TPI_DATA_DIR / "tmp")
    except ImproperlyConfigured as error:
        yield Error(str(error), hint="See docs/settings.md.", id="tpi.E007")
    except OSError as error:
        yield Error(f"The storage folder cannot be made: {error}.", hint="Check TPI_STORAGE_URL.", id="tpi.E007")
    folder = settings.TPI_DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Error(f"The data folder {folder} cannot be written.", hint="Check TPI_DATA_DIR.", id="tpi.E008")
    elif stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Warning(
            f"Other users of this machine may read the data folder {folder}.",
            hint=f"Run: chmod 700 {folder}",
            id="tpi.W009",
        )
    if (
        not env.problems
    ):  # where a file cannot be read, the ring's may not be there yet either, and none is made instead
        yield from _key_ring()
    rate = settings.TPI_API_RATE
    if not _RATE.match(rate):
        yield Error("TPI_API_RATE is not a rate.", hint="For example 6000/min.", id="tpi.E010")
    if settings.TPI_CACHE_URL and not _is_cache_url(settings.TPI_CACHE_URL):
        # The address is not shown, it may hold a password.
        yield Error(
            "TPI_CACHE_URL is not a redis, rediss or unix address.",
            hint="For example redis://cache.tpi.example:6379/0.",
            id="tpi.E012",
        )


def _key_ring() -> Iterable[CheckMessage]:
    """E013 and W015: the keys that seal secrets."""
    try:
        sealing.key_ring()
    except sealing.KeySourceAway as away:  # it may come back by itself, and until then /readyz is red
        yield Warning(away.detail, hint="Nothing that is sealed is served until it answers.", id="tpi.W015")
    except (sealing.KeyRingBroken, OSError) as error:
        yield Error(str(error), hint="Restore the key ring from its copy; see docs/encryption.md.", id="tpi.E013")


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        return False


def _is_cache_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # the port is no number
        return False
    return parts.scheme in _CACHE_SCHEMES


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
