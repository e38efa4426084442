from __future__ import annotations

from typing import Any

import pytest

from tpi_site import checks


def numbers() -> set[str | None]:
    return {message.id for message in checks.state(None)}


@pytest.mark.parametrize(
    "address",
    ["", "redis://cache.tpi.example:6379/0", "rediss://:secret@cache.tpi.example/1", "unix:///run/redis.sock?db=1"],
)
def test_what_may_be_the_shared_cache(settings: Any, address: str) -> None:
    settings.TPI_CACHE_URL = address
    assert "tpi.E012" not in numbers()


@pytest.mark.parametrize(
    "address",
    ["memcached://cache.tpi.example", "http://cache", "cache.tpi.example:6379", "redis", "redis://:secret@h:port/0"],
)
def test_what_is_no_shared_cache_is_said_without_its_password(settings: Any, address: str) -> None:
    settings.TPI_CACHE_URL = address
    [message] = [message for message in checks.state(None) if message.id == "tpi.E012"]
    assert message.is_serious()
    assert "secret" not in f"{message.msg} {message.hint}"


@pytest.mark.parametrize(
    ("url", "proxies", "is_told"),
    [
        ("https://tpi.example", [], True),
        ("https://tpi.example", ["10.0.0.0/8"], False),
        ("http://tpi.example", [], False),
        ("", [], False),
    ],
)
def test_https_without_a_proxy_that_is_believed_is_told(
    settings: Any, url: str, proxies: list[str], is_told: bool
) -> None:
    settings.TPI_URL, settings.TPI_TRUSTED_PROXIES = url, proxies
    assert ("tpi.W014" in [message.id for message in checks.addresses(None)]) == is_told
