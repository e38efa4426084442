"""The addresses at which sites tell one another who took over: who may, and what each refusal says."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.domain.token_format import parse_token, token_digest
from accounts.models import Alarm
from accounts.services import users
from indexapp.domain.replication import takeovers as proofs
from indexapp.models import Fence, Following, Index, Replica, Takeover
from indexapp.services.replication import credentials, epochs, fences, heirs, takeovers
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following
from tests.wsgi_client import Answer, WsgiClient, basic
from tpi_site.kit import read_only, sealing
from tpi_site.kit.errors import Conflict
from tpi_site.kit.read_only import ReadOnly

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/replication"
FAR = "https://far.example/"
SITE = str(uuid4())


@pytest.fixture
def secret() -> str:
    row, text = credentials.invite(actor=SYSTEM, name="far")
    heirs.appoint(actor=SYSTEM, replica=row, url=FAR)
    return text


@pytest.fixture
def replica(machine: WsgiClient, secret: str) -> WsgiClient:
    return machine.signed(basic("replica", secret) | {"X-TPI-Site": SITE})


def posted(client: WsgiClient, path: str, said: Any) -> Answer:
    return client.post(f"{ROOT}/{path}/", json.dumps(said).encode(), Content_Type="application/json")


def claim(**other: Any) -> dict[str, Any]:
    return {"site": SITE, "url": FAR, "epoch": str(uuid4()), "began_after": 7, "is_final": True} | other


def test_who_took_over_fences_and_is_named(replica: WsgiClient, main: Index) -> None:
    published(main)
    said = claim()
    told = posted(replica, "fence", said)
    assert (told.status, told.json) == (200, {"newest": epochs.newest_serial()})
    read_only.look()
    with pytest.raises(ReadOnly) as refused:
        users.create(actor=SYSTEM, username="somebody", password="a long enough password")
    assert f"until {FAR} took over" in refused.value.detail
    with read_only.passing(), pytest.raises(ReadOnly):
        users.create(actor=SYSTEM, username="somebody", password="a long enough password")
    assert posted(replica, "fence", said).status == 200, "told twice is told once"
    assert Alarm.objects.get(code=fences.ALARM).count == 1


def test_an_upload_is_refused_with_the_new_primarys_name(replica: WsgiClient, machine: WsgiClient, main: Index) -> None:
    posted(replica, "fence", claim())
    read_only.look()
    answer = machine.post("/legacy/", b"")
    assert (answer.status, answer.code) == (503, "read-only")
    assert FAR in answer.json["detail"]


def test_who_may_not_take_over_fences_nobody(replica: WsgiClient) -> None:
    heirs.dismiss(actor=SYSTEM, replica=Replica.objects.get())
    answer = posted(replica, "fence", claim())
    assert (answer.status, answer.code) == (403, "takeover-not-allowed")
    assert not Fence.objects.exists()


def test_a_site_speaks_for_itself_alone(replica: WsgiClient) -> None:
    answer = posted(replica, "fence", claim(site=str(uuid4())))
    assert (answer.status, answer.code) == (403, "takeover-not-allowed")


def test_a_stale_credential_fences_nobody(replica: WsgiClient) -> None:
    credentials.revoke(actor=SYSTEM, replica=Replica.objects.get())
    assert posted(replica, "fence", claim()).code == "replica-unknown"
    assert not Fence.objects.exists()


def test_an_epoch_of_our_own_past_says_nothing_new(replica: WsgiClient) -> None:
    assert posted(replica, "fence", claim(epoch=str(epochs.current().uuid))).status == 200
    assert not Fence.objects.exists()


def test_of_two_that_took_over_the_second_is_refused(replica: WsgiClient) -> None:
    """A replica and its copy have one identity and one secret; each began an epoch of its own."""
    assert posted(replica, "fence", claim()).status == 200
    answer = posted(replica, "fence", claim())
    assert (answer.status, answer.code) == (409, "fenced-by-another")


def test_who_was_about_to_may_try_again(replica: WsgiClient) -> None:
    assert posted(replica, "fence", claim(is_final=False)).status == 200
    final = claim()
    assert posted(replica, "fence", final).status == 200
    assert posted(replica, "fence", {**final, "is_final": False}).status == 200
    row = Fence.objects.get()
    assert (str(row.epoch), row.is_final) == (final["epoch"], True)


def test_a_replica_of_somebody_else_is_not_fenced(replica: WsgiClient) -> None:
    make_following()
    assert posted(replica, "fence", claim()).code == "replica-already"


@pytest.mark.parametrize(
    "other", [{"epoch": "x"}, {"site": 7}, {"url": "far"}, {"url": None}, {"began_after": None}, {"is_final": "yes"}]
)
def test_a_claim_that_is_none_is_refused(replica: WsgiClient, other: dict[str, Any]) -> None:
    answer = posted(replica, "fence", claim(**other))
    assert (answer.status, answer.code) == (400, "claim-invalid")


def test_only_posts_are_answered(replica: WsgiClient) -> None:
    assert replica.get(f"{ROOT}/fence/").status == 405
    assert replica.get(f"{ROOT}/promotion/").status == 405
    assert replica.post(f"{ROOT}/fence/", b"[]").code == "wish-invalid"


class Asking:
    """A primary that asks this site, by the digest that it keeps of the secret."""

    def __init__(self, machine: WsgiClient, secret: str) -> None:
        parts = parse_token(secret)
        assert parts is not None
        self.machine, self.digest, self.nonce = machine, token_digest(parts, pepper()), "0123456789abcdef"

    def ask(self) -> Answer:
        said = {"nonce": self.nonce, "proof": proofs.asking(self.digest, self.nonce)}
        return posted(self.machine, "promotion", said)

    def answered(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask().json
        assert found["proof"] == proofs.answering(self.digest, self.nonce, found["said"])
        return dict(found["said"])


def pepper() -> str:
    from django.conf import settings

    return str(settings.TPI_TOKEN_PEPPER)


def took_over(secret: str) -> Takeover:
    return Takeover.objects.create(
        old_url=PRIMARY,
        old_site=uuid4(),
        secret=sealing.seal(secret, takeovers.purpose(PRIMARY)),
        own_url=FAR,
        epoch=epochs.current().uuid,
        began_after=3,
        began_by="somebody",
        next_at=timezone.now(),
    )


def test_a_replica_says_that_it_only_follows(machine: WsgiClient, secret: str) -> None:
    make_following(secret=secret)
    assert Asking(machine, secret).answered() == {"site": str(epochs.site()), "former": None, "claim": None}


def test_who_took_over_says_so_until_it_follows_again(machine: WsgiClient, secret: str) -> None:
    row = took_over(secret)
    asking = Asking(machine, secret)
    told = asking.answered()
    assert told["former"] == str(row.old_site)
    assert told["claim"] == takeovers.claim_of(row).as_json()
    make_following(url="https://other.example/", secret=credentials.invite(actor=SYSTEM, name="other")[1])
    assert asking.answered()["claim"] is None


def test_who_proves_nothing_is_told_nothing(machine: WsgiClient, secret: str) -> None:
    took_over(secret)
    asking = Asking(machine, secret)
    asking.digest = "0" * 64
    assert (asking.ask().status, asking.ask().code) == (403, "replica-unknown")
    assert posted(machine, "promotion", {}).status == 401
    assert posted(machine, "promotion", {"nonce": "", "proof": proofs.asking(asking.digest, "")}).status == 403


def test_a_replica_learns_that_it_may_take_over_and_who_else_follows(replica: WsgiClient) -> None:
    other, _ = credentials.invite(actor=SYSTEM, name="other")
    now = "&".join(f"{name}=0" for name in ("access", "policy", "tables"))
    path = f"{ROOT}/feed/?since=0&epoch={epochs.current().uuid}&{now}"
    (sibling,) = replica.get(path).json["takeover"]["siblings"]
    assert (sibling["name"], sibling["digest"]) == ("other", other.digest)
    heirs.dismiss(actor=SYSTEM, replica=Replica.objects.get(name="far"))
    assert "takeover" not in replica.get(path).json


def test_a_fence_is_lifted_on_purpose_only(replica: WsgiClient) -> None:
    with pytest.raises(Conflict) as refused:
        fences.confirm(actor=SYSTEM)
    assert refused.value.code == "fence-not"
    posted(replica, "fence", claim())
    with pytest.raises(Conflict) as refused:
        fences.confirm(actor=SYSTEM)
    assert refused.value.code == "fenced"
    fences.confirm(actor=SYSTEM, lifts_fence=True)
    read_only.look()
    assert read_only.why() is None
    assert not Alarm.objects.filter(code=fences.ALARM, ended_at=None).exists()


def test_an_address_that_is_none_is_nobodys(secret: str) -> None:
    for url in ("far", "ftp://far.example/"):
        with pytest.raises(Exception, match="address"):
            heirs.appoint(actor=SYSTEM, replica=Replica.objects.get(), url=url)
    assert not Following.objects.exists()
