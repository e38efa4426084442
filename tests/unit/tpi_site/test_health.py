from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from accounts.services import read_only as modes
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Fence, Index
from indexapp.services.replication import fences
from tests.factories.people import SYSTEM
from tests.factories.replication import make_following
from tests.servers.shared_cache import away
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("told_all")]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


def test_the_process_answers_and_asks_nothing(machine: WsgiClient, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = machine.get("/livez")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_each_part_is_named(machine: WsgiClient) -> None:
    answer = machine.get("/readyz")
    assert answer.status == 200
    assert set(answer.json["parts"].values()) == {"ok"}
    assert {"database", "migrations", "storage", "disk"} <= set(answer.json["parts"])


@pytest.mark.parametrize(
    ("proxies", "headers"),
    [
        ([], {"X-Forwarded-For": "127.0.0.1"}),
        ([], {"Via": "1.1 somebody"}),
        (["10.0.0.0/24"], {"X-Forwarded-For": "192.0.2.9"}),
        (["192.0.2.7"], {"X-Forwarded-For": "203.0.113.9"}),
        (["192.0.2.7"], {"X-Forwarded-For": "192.0.2.9, 203.0.113.9"}),
    ],
    ids=["no proxy is named", "nor this one", "another is named", "from outside", "who claims an address of inside"],
)
def test_who_comes_through_a_proxy_is_inside_only_if_a_named_one_says_so(
    machine: WsgiClient, settings: Any, proxies: list[str], headers: dict[str, str]
) -> None:
    settings.TPI_TRUSTED_PROXIES = proxies
    ready = machine.request("GET", "/readyz", headers=headers)
    assert (ready.status, ready.json) == (200, {"status": "ok"})
    assert machine.request("GET", "/metrics", headers=headers).status == 401


def test_who_is_inside_is_told(machine: WsgiClient, settings: Any) -> None:
    assert machine.get("/metrics").status == 200
    settings.TPI_TRUSTED_PROXIES = ["192.0.2.7"]
    assert "parts" in machine.get("/readyz", X_Forwarded_For="192.0.2.9").json
    settings.TPI_METRICS_NETWORKS = ["127.0.0.0/8"]
    assert machine.get("/metrics").status == 401
    assert machine.get("/readyz").json == {"status": "ok"}


def test_a_database_that_is_away(machine: WsgiClient) -> None:
    def fail(*arguments: Any) -> Any:
        raise OperationalError("secret of the inside")

    with connection.execute_wrapper(fail):
        answer = machine.get("/readyz")
    assert (answer.status, answer.json["status"]) == (503, "failing")
    assert answer.json["parts"]["database"] == "The database cannot be reached."
    assert b"secret" not in answer.body


def test_the_shared_cache_is_asked_where_there_is_one(machine: WsgiClient, settings: Any) -> None:
    assert "cache" not in machine.get("/readyz").json["parts"]
    settings.TPI_CACHE_URL = "redis://cache.tpi.example/0"  # the cache itself stays the tests' own, which answers
    assert machine.get("/readyz").json["parts"]["cache"] == "ok"


def test_a_shared_cache_that_is_away(machine: WsgiClient) -> None:
    with away():
        answer = machine.get("/readyz")
    assert answer.status == 200, "all nodes share it, and would all be taken out"
    assert answer.json["parts"].pop("cache") == "The shared cache cannot be reached."
    assert answer.json["parts"].pop("database") == "ok"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_are_only_read(machine: WsgiClient, path: str) -> None:
    assert machine.head(path).status == 200
    assert machine.post(path).status == 405


def _states(machine: WsgiClient, query: str) -> tuple[int, str]:
    read_only.look()
    answer = machine.get(f"/readyz{query}")
    return answer.status, answer.json["parts"].get("role", "")


def test_a_proxy_asks_who_is_the_primary(machine: WsgiClient, main: Index) -> None:
    assert _states(machine, "?role=primary") == (200, "ok")
    assert _states(machine, "") == (200, "")
    row = make_following("https://near.example/")
    assert _states(machine, "?role=primary") == (503, "It is a replica of https://near.example/.")
    assert _states(machine, "") == (200, "")
    row.delete()
    fences.doubt(["far"])
    assert _states(machine, "?role=primary")[0] == 503
    fences.write(Claim(uuid4(), "https://far.example/", uuid4(), 5), "far")
    assert _states(machine, "?role=primary") == (
        503,
        "It was the primary until https://far.example/ took over; make changes there.",
    )
    assert _states(machine, "") == (200, "")
    Fence.objects.all().delete()
    modes.turn_on(actor=SYSTEM, reason="Until noon.")
    assert _states(machine, "?role=primary") == (200, "ok")
