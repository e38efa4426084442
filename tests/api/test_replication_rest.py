"""Replication for operators and automation: how it stands, who may follow, and whom this site follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.models import Change, Following, Index, Replica, WantedBlob
from indexapp.services.replication import credentials, epochs, standing
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following, make_replica
from tests.wsgi_client import WsgiClient, bearer
from tpi_site.kit import read_only

pytestmark = pytest.mark.django_db
REPLICAS, STANDING, FOLLOWING = "replication/replicas/", "replication/standing/", "replication/following/"


@pytest.fixture
def root(rest: AsPerson) -> Rest:
    return rest("administrator")


@pytest.fixture
def operator(rest: AsPerson) -> Rest:
    return rest("operator")


@pytest.fixture
def as_replica() -> Iterator[Following]:
    """This site as one that takes no changes."""
    row = make_following()
    read_only.remember(None, float("inf"), of=standing.primary())
    yield row
    read_only.remember(None, float("inf"))


def want(number: int, **values: Any) -> WantedBlob:
    made: WantedBlob = WantedBlob.objects.create(
        **({"sha256": f"{number:064x}", "size": 1000 + number, "next_at": timezone.now()} | values)
    )
    return made


def test_the_secret_is_told_once_and_opens_the_feed(root: Rest, machine: WsgiClient) -> None:
    answer = root.post(REPLICAS, {"name": "munich"})
    assert answer.status == 201
    assert answer.headers["Location"].endswith("/api/v1/replication/replicas/munich/")
    assert (answer.json["name"], answer.json["state"], answer.json["created_by"]) == (
        "munich",
        "invited",
        "administrator",
    )
    secret = answer.json["secret"]
    told = machine.signed(bearer(secret) | {"X-TPI-Site": str(uuid4())}).get("/api/v1/replication/hello/")
    assert told.status == 200
    for again in (root.get(REPLICAS), root.get(f"{REPLICAS}munich/"), root.get(STANDING)):
        assert again.status == 200
        assert secret not in again.body.decode()
    assert AuditEntry.objects.filter(action="replica.invite", actor_name="administrator").count() == 1


def test_a_name_that_is_taken_or_none_is_refused(root: Rest) -> None:
    root.post(REPLICAS, {"name": "munich"})
    refused(root.post(REPLICAS, {"name": "munich"}), 409, "name-taken")
    refused(root.post(REPLICAS, {"name": "Munich / 2"}), 400, "name-invalid")
    refused(root.get(f"{REPLICAS}oslo/"), 404, "replica-unknown")
    assert root.names(REPLICAS) == ["munich"]


@pytest.mark.parametrize("way", ["delete", "post"])
def test_a_revoked_replica_is_let_in_no_more(root: Rest, machine: WsgiClient, way: str) -> None:
    secret = root.post(REPLICAS, {"name": "munich"}).json["secret"]
    answer = root.delete(f"{REPLICAS}munich/") if way == "delete" else root.post(f"{REPLICAS}munich/revoke/", {})
    assert answer.status == 204
    assert root.names(REPLICAS) == []
    refused(machine.signed(bearer(secret)).get("/api/v1/replication/hello/"), 403, "replica-unknown")


def test_operators_see_all_of_it_and_invite_nobody(operator: Rest) -> None:
    """The secret reads everything, which operators do not."""
    make_replica("munich")
    assert operator.names(REPLICAS) == ["munich"]
    refused(operator.post(REPLICAS, {"name": "oslo"}), 403, "administrator-needed")
    refused(operator.delete(f"{REPLICAS}munich/"), 403, "administrator-needed")
    assert Replica.objects.get().name == "munich"


def test_both_lags_of_each_replica_are_told(root: Rest, main: Index) -> None:
    published(main)
    [first, *_] = Change.objects.order_by("serial")
    now = timezone.now()
    make_replica("abreast", seen_at=now, serial=epochs.newest_serial())
    make_replica("behind", seen_at=now, serial=first.serial - 1, missing_blobs=3, missing_bytes=4096)
    make_replica("gone", seen_at=now - timedelta(hours=1), serial=epochs.newest_serial())
    found = {row["name"]: row for row in root.rows(REPLICAS)}
    assert {name: row["state"] for name, row in found.items()} == {
        "abreast": "in step",
        "behind": "catching up",
        "gone": "out of contact",
    }
    behind = found["behind"]
    assert (behind["serials_behind"], behind["missing_blobs"], behind["missing_bytes"]) == (
        Change.objects.count(),
        3,
        4096,
    )
    assert behind["behind_since"] == first.at.isoformat().replace("+00:00", "Z")
    assert found["abreast"]["behind_since"] is None
    Change.objects.update(at=now - timedelta(hours=1))
    assert root.get(f"{REPLICAS}behind/").json["state"] == "lagging"
    Replica.objects.filter(name="abreast").update(missing_blobs=1, incomplete_since=now - timedelta(hours=2))
    assert root.get(f"{REPLICAS}abreast/").json["state"] == "incomplete"


def test_the_list_costs_the_same_for_one_and_for_many(root: Rest) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert root.get(REPLICAS).status == 200
        return len(queries)

    make_replica("r0")
    root.get(REPLICAS)
    once = cost()
    for number in range(1, 20):
        make_replica(f"r{number}")
    assert cost() == once


def test_standing_tells_what_the_command_tells(root: Rest, as_replica: Following, capsys: Any) -> None:
    Following.objects.update(primary_serial=as_replica.cursor + 7, contact_at=timezone.now())
    want(1)
    told = root.get(STANDING).json
    assert (told["role"], told["site"]) == ("replica", str(epochs.site()))
    assert told["epoch"]["number"] == 1
    followed = told["replica_of"]
    assert (followed["primary"], followed["serials_behind"], followed["missing_blobs"]) == (PRIMARY, 7, 1)
    assert (followed["missing_bytes"], followed["state"]) == (1001, "catching up")
    call_command("replication", "status", "--json")
    commanded = json.loads(capsys.readouterr().out)
    for one in (told, commanded):
        one["replica_of"].pop("contact_age")
    assert commanded == told


def test_a_primary_says_that_it_is_one(rest: AsPerson) -> None:
    told = rest("auditor").get(STANDING).json
    assert (told["role"], told["replica_of"], told["replicas"]) == ("primary", None, [])
    refused(rest("reader").get(STANDING), 403, "operator-needed")
    refused(rest("anonymous").get(STANDING), 401)


def test_a_replica_takes_no_changes_but_these(operator: Rest, root: Rest, as_replica: Following) -> None:
    refused(root.post("indexes/", {"name": "further"}), 503, "read-only")
    paused = operator.post(f"{FOLLOWING}pause/", {})
    assert (paused.status, paused.json["replica_of"]["state"]) == (200, "paused")
    assert operator.post(f"{FOLLOWING}resume/", {}).json["replica_of"]["is_paused"] is False
    assert root.post(REPLICAS, {"name": "oslo"}).status == 201
    assert root.delete(f"{REPLICAS}oslo/").status == 204
    refused(operator.post(f"{FOLLOWING}leave/", {}), 403, "administrator-needed")
    want(1)
    refused(root.post(f"{FOLLOWING}leave/", {}), 409, "blobs-missing")
    left = root.post(f"{FOLLOWING}leave/", {"accept_missing": True})
    assert (left.status, left.json["number"], left.json["reason"]) == (200, 2, "promoted")
    assert root.get(STANDING).json["role"] == "primary"
    refused(root.post(f"{FOLLOWING}pause/", {}), 409, "replica-not")


def test_who_holds_something_joins_nobody(root: Rest, main: Index) -> None:
    published(main)
    body = {"primary_url": PRIMARY, "secret": "tpi_nothing"}
    refused(root.post(f"{FOLLOWING}join/", body), 409, "not-empty")
    refused(root.post(f"{FOLLOWING}join/", {"primary_url": PRIMARY}), 400)
    assert not Following.objects.exists()


def test_missing_contents_are_listed_those_that_fail_apart(root: Rest) -> None:
    want(1)
    want(2, attempts=3, failure="The primary breaks off again and again.")
    want(3, rank=WantedBlob.Rank.MIRROR)
    path = "replication/wanted/"
    assert [row["size"] for row in root.rows(path)] == [1001, 1002, 1003]
    [failing] = root.rows(f"{path}?failing=true")
    assert (failing["attempts"], failing["failure"]) == (3, "The primary breaks off again and again.")
    assert [row["size"] for row in root.rows(f"{path}?failing=false")] == [1001, 1003]
    assert [row["size"] for row in root.rows(f"{path}?rank=1")] == [1003]


def test_what_a_replica_tells_with_its_question_is_noted(machine: WsgiClient) -> None:
    row, secret = credentials.invite(actor=SYSTEM, name="far")
    client = machine.signed(bearer(secret) | {"X-TPI-Site": str(uuid4())})
    asked = f"/api/v1/replication/feed/?since=0&epoch={epochs.current().uuid}&missing_blobs=2&missing_bytes=9"
    assert client.get(f"{asked}&incomplete_for=90").status == 200
    row.refresh_from_db()
    assert row.incomplete_since is not None
    assert timedelta(seconds=90) <= timezone.now() - row.incomplete_since < timedelta(seconds=120)
    assert client.get(asked).status == 200
    row.refresh_from_db()
    assert (row.incomplete_since, row.missing_blobs) == (None, 2)
    for word in ("soon", "1e9"):
        assert client.get(f"{asked}&incomplete_for={word}").code == "wish-invalid"
    assert client.get(f"{asked}&incomplete_for={'9' * 30}").status == 200, "a year is the most that counts"
