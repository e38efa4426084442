"""What lies in Redis is data of somebody who may not be us: nothing of it runs, and only what we signed is shown."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.core.signing import BadSignature
from django.core.signing import dumps as signed
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import PickleSerializer, SignedPackage
from redis import Redis as Client

from indexapp.services.descriptions import rendered
from tests.servers import shared_cache
from tests.servers.redis import Redis
from tests.wsgi_client import WsgiClient

TEXT, OTHER = "# Install acme", "# Install something else"


class Bomb:
    """Runs a command in whoever unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture
def redis(server: Redis) -> Iterator[Any]:  # the client's answers are typed as anything at all
    client = Client.from_url(server.url)
    client.flushall()
    with shared_cache.named(server.url):
        yield client
    client.close()


def test_a_bomb_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("told_all")
def test_nothing_that_lies_in_redis_runs(redis: Any, machine: WsgiClient, tmp_path: Path) -> None:
    redis.set("tpi:1:probe", pickle.dumps(Bomb(tmp_path / "mark")))
    answer = machine.get("/readyz")
    assert (answer.status, answer.json["parts"]["cache"]) == (200, "ok")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("value", ["text", 7, 0.5, True, None, ["a", {"b": [1]}], ""])
def test_what_was_written_is_read(redis: Any, value: object) -> None:
    cache.set("key", value, 60)
    assert cache.get("key") == value
    assert type(cache.get("key")) is type(value)
    assert redis.get("tpi:1:key")[64:] == b":" + json.dumps(value).encode()


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes", float("nan")])
def test_what_json_cannot_hold_is_refused_when_it_is_written(redis: Any, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        cache.set("key", value, 60)


def test_what_was_changed_or_signed_by_another_installation_was_never_there(redis: Any, settings: Any) -> None:
    cache.set("key", "ours", 60)
    stored = redis.get("tpi:1:key")
    for forged in (b"", b"7", b'"x"', stored[:-1], stored.replace(b"ours", b"mine"), b"\xff" * 80, stored[:64]):
        redis.set("tpi:1:key", forged)
        assert cache.get("key") is None, forged
    redis.set("tpi:1:key", stored)
    assert cache.get("key") == "ours"
    settings.SECRET_KEY = "x" * 50
    assert cache.get("key") is None


def test_a_description_is_neither_forged_nor_shown_for_another_text(redis: Any) -> None:
    html = rendered("text/markdown", TEXT)
    [key] = redis.keys("*description*")
    redis.set(key, b'["<script>alert(1)</script>"]')
    assert rendered("text/markdown", TEXT) == html
    ours = redis.get(key)
    assert rendered("text/markdown", OTHER) != html
    [other] = set(redis.keys("*description*")) - {key}
    redis.set(other, ours)
    assert caches["descriptions"].get(other.decode().removeprefix("tpi:1:")) is not None, (
        "it is signed, for another text"
    )
    assert rendered("text/markdown", OTHER) != html


@pytest.mark.django_db
def test_a_job_that_another_key_signed_is_not_opened(tmp_path: Path) -> None:
    """django-q pickles what waits in its queue, and opens it only where its signature holds."""
    mine = SignedPackage.dumps(Bomb(tmp_path / "mark"))
    foreign = signed(Bomb(tmp_path / "mark"), key="another", salt=Conf.PREFIX, serializer=PickleSerializer)
    bare = PickleSerializer.dumps(Bomb(tmp_path / "mark")).hex()
    for payload in (foreign, bare, mine[:-1] + ("A" if mine[-1] != "A" else "B"), "x" + mine):
        row = OrmQ.objects.create(key="tpi", payload=payload)
        with pytest.raises(BadSignature):
            SignedPackage.loads(row.payload)
        assert not (tmp_path / "mark").exists()
    SignedPackage.loads(mine)
    assert (tmp_path / "mark").exists(), "what we sign ourselves is opened"
