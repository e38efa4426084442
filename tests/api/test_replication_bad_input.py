"""What a broken or hostile site sends to the addresses of replicas: each is refused as what it is, and none is a fault of ours."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from indexapp.models import Fence, Index, Replica
from indexapp.services.replication import credentials, epochs, giving, heirs, places
from tests.factories.people import SYSTEM
from tests.factories.replication import make_following
from tests.wsgi_client import Answer, WsgiClient, basic

pytestmark = [pytest.mark.database, pytest.mark.django_db]
ROOT = "/api/v1/replication"
FAR = "https://far.example/"
SITE = str(uuid4())
HUGE = 10**30
NESTED = b"[" * 16_000
TABLE = places.label(places.TABLES[0].model)


@pytest.fixture
def secret(main: Index) -> str:
    row, text = credentials.invite(actor=SYSTEM, name="far")
    heirs.appoint(actor=SYSTEM, replica=row, url=FAR)
    return text


@pytest.fixture
def replica(machine: WsgiClient, secret: str) -> WsgiClient:
    return machine.signed(basic("replica", secret) | {"X-TPI-Site": SITE})


def posted(client: WsgiClient, path: str, said: Any) -> Answer:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return client.post(f"{ROOT}/{path}/", body, Content_Type="application/json")


def test_json_that_is_nested_too_deeply_is_none(machine: WsgiClient, replica: WsgiClient) -> None:
    for client, path in ((machine, "promotion"), (replica, "fence"), (replica, "rows")):
        answer = posted(client, path, NESTED)
        assert (answer.status, answer.code) == (400, "wish-invalid"), path


@pytest.mark.parametrize(("nonce", "proof"), [("0123456789abcdef", "é"), ("é" * 16, "00"), ("\ud800" * 16, "00")])
def test_a_proof_in_other_characters_proves_nothing(machine: WsgiClient, secret: str, nonce: str, proof: str) -> None:
    make_following(secret=secret)
    answer = posted(machine, "promotion", {"nonce": nonce, "proof": proof})
    assert (answer.status, answer.code) == (403, "replica-unknown")


@pytest.mark.parametrize(
    "other",
    [
        {"began_after": HUGE},
        {"began_after": -1},
        {"began_after": float("inf")},
        {"url": "https://far\0.example/"},
        {"url": "https://far.example/\r\nX: y"},
        {"url": "https://far\ud800.example/"},
    ],
)
def test_a_claim_that_cannot_be_kept_is_none(replica: WsgiClient, other: dict[str, Any]) -> None:
    said = {"site": SITE, "url": FAR, "epoch": str(uuid4()), "began_after": 7, "is_final": True} | other
    answer = posted(replica, "fence", said)
    assert (answer.status, answer.code) == (400, "claim-invalid")
    assert not Fence.objects.exists()


@pytest.mark.parametrize(
    "told", [{"since": HUGE}, {"since": -1}, {"since": 2**63}, {"missing_blobs": HUGE}, {"missing_bytes": HUGE}]
)
def test_numbers_that_no_follower_has_are_refused(replica: WsgiClient, told: dict[str, int]) -> None:
    asked = {"since": 0, "epoch": epochs.current().uuid, **giving.generations(), **told}
    answer = replica.get(f"{ROOT}/feed/?" + "&".join(f"{name}={value}" for name, value in asked.items()))
    assert (answer.status, answer.code) == (400, "wish-invalid")
    assert Replica.objects.get().seen_at is None


@pytest.mark.parametrize(
    "other",
    [
        {"since": -1},
        {"since": float("inf")},
        {"generations": {"access": float("inf")}},
        {"also": [[HUGE, "acme"]]},
        {"also": [[1, "ac\ud800me"]]},
        {"also": [[1, "ac\0me"]]},
        {"digests": {TABLE: {"first": "0"}}},
        {"counters": {TABLE: {str(HUGE): "0"}}},
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(replica: WsgiClient, other: dict[str, Any]) -> None:
    answer = posted(replica, "rows", {"since": 0, "epoch": str(epochs.current().uuid), "digests": {}} | other)
    assert (answer.status, answer.code) == (400, "wish-invalid")
