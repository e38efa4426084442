"""The addresses of replicas: who may ask, and what each refusal says."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest

from indexapp.domain.replication import batches, frames
from indexapp.models import File, Index, Project, Replica
from indexapp.services.replication import credentials, epochs, giving
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.wsgi_client import Answer, WsgiClient, basic, bearer

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/replication"


@pytest.fixture
def secret() -> str:
    return credentials.invite(actor=SYSTEM, name="far")[1]


@pytest.fixture
def replica(machine: WsgiClient, secret: str) -> WsgiClient:
    return machine.signed(basic("replica", secret) | {"X-TPI-Site": str(uuid4())})


def feed(client: WsgiClient, **asked: Any) -> Answer:
    now = giving.generations()
    given = {"since": epochs.newest_serial(), "epoch": epochs.current().uuid, **now, **asked}
    return client.get(f"{ROOT}/feed/?" + "&".join(f"{name}={value}" for name, value in given.items()))


def rows(client: WsgiClient, **wish: Any) -> Answer:
    body = {"since": 0, "epoch": str(epochs.current().uuid), "digests": {}} | wish
    return client.post(f"{ROOT}/rows/", json.dumps(body).encode(), Content_Type="application/json")


def test_without_a_secret_nothing_is_told(machine: WsgiClient) -> None:
    for path in ("hello/", "tree/?from=0", f"feed/?since=0&epoch={uuid4()}", f"blobs/{'0' * 64}/"):
        answer = machine.get(f"{ROOT}/{path}")
        assert answer.status == 401
    assert rows(machine).status == 401
    assert contents(machine, "0" * 64).status == 401


def test_other_secrets_open_nothing(machine: WsgiClient, cast: Cast, secret: str) -> None:
    Replica.objects.update(digest="0" * 64)
    for headers in (cast.bearer("administrator"), bearer(secret), bearer("tpi_nothing"), basic("replica", "word")):
        client = machine.signed(headers)
        assert (feed(client).status, feed(client).code) == (403, "replica-unknown")
        assert rows(client).status == 403


def test_the_secret_opens_nothing_else(machine: WsgiClient, main: Index, secret: str) -> None:
    assert machine.signed(bearer(secret)).get("/simple/").status == 401
    assert machine.signed(bearer(secret)).get("/api/v1/indexes/").status == 401


def test_a_revoked_secret_is_a_wrong_one(replica: WsgiClient) -> None:
    assert replica.get(f"{ROOT}/hello/").status == 200
    credentials.revoke(actor=SYSTEM, replica=Replica.objects.get())
    assert replica.get(f"{ROOT}/hello/").status == 403


def test_one_secret_is_for_one_site(replica: WsgiClient, machine: WsgiClient, secret: str) -> None:
    assert replica.get(f"{ROOT}/hello/").status == 200
    another = machine.signed(basic("replica", secret) | {"X-TPI-Site": str(uuid4())})
    assert another.get(f"{ROOT}/hello/").code == "site-taken"
    assert replica.get(f"{ROOT}/hello/").status == 200


def test_one_site_has_one_secret(replica: WsgiClient, machine: WsgiClient) -> None:
    assert replica.get(f"{ROOT}/hello/").status == 200
    second = credentials.invite(actor=SYSTEM, name="second")[1]
    answer = replica.signed(basic("replica", second)).get(f"{ROOT}/hello/")
    assert (answer.status, answer.code) == (409, "site-taken")


def test_a_copy_of_the_primary_is_no_replica(replica: WsgiClient) -> None:
    answer = replica.signed({"X-TPI-Site": str(epochs.site())}).get(f"{ROOT}/hello/")
    assert (answer.status, answer.code) == (409, "site-same")


def test_news_are_told_at_once(replica: WsgiClient, main: Index) -> None:
    published(main)
    told = feed(replica, since=0, wait=20).json
    assert told.pop("pepper")
    assert told == {"newest": epochs.newest_serial(), "generations": giving.generations()}
    assert feed(replica, tables=-1, wait=20).status == 200


def test_where_there_is_none_the_answer_waits(replica: WsgiClient) -> None:
    assert feed(replica, wait=0.1).json["newest"] == 0


def test_what_the_replica_tells_is_kept(replica: WsgiClient, main: Index) -> None:
    published(main)
    feed(replica, missing_blobs=3, missing_bytes=70)
    row = Replica.objects.get()
    assert (row.serial, row.missing_blobs, row.missing_bytes) == (epochs.newest_serial(), 3, 70)
    assert row.seen_at is not None


def test_an_unknown_epoch_is_a_conflict(replica: WsgiClient) -> None:
    assert feed(replica, epoch=uuid4()).code == "epoch-unknown"
    assert feed(replica, since=1).code == "epoch-unknown"
    answer = rows(replica, epoch=str(uuid4()))
    assert (answer.status, answer.code) == (409, "epoch-unknown")


@pytest.mark.parametrize("query", ["", "?since=x&epoch=1", "?since=0", "?since=0&epoch=nothing"])
def test_a_question_that_is_none_is_refused(replica: WsgiClient, query: str) -> None:
    answer = replica.get(f"{ROOT}/feed/{query}")
    assert (answer.status, answer.code) == (400, "wish-invalid")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"since": 0, "epoch": 7}', b'{"since": 0, "epoch": "x"}'])
def test_a_wish_that_is_none_is_refused(replica: WsgiClient, body: bytes) -> None:
    answer = replica.post(f"{ROOT}/rows/", body)
    assert (answer.status, answer.code) == (400, "wish-invalid")


def test_a_batch_is_whole_and_holds_no_secret_in_clear(replica: WsgiClient, main: Index) -> None:
    published(main)
    answer = rows(replica)
    batch = batches.read([answer.body])
    assert [change["serial"] for change in batch.changes] == list(range(1, epochs.newest_serial() + 1))
    assert [each.name for each in batch.projects] == ["acme-tool"]
    assert batch.end["compared"]


def test_digests_are_told_from_the_root_to_the_rows(replica: WsgiClient, main: Index) -> None:
    file = published(main)
    tree = f"{ROOT}/tree/"
    page = replica.get(f"{tree}?from=0").json
    assert page["serial"] == epochs.newest_serial()
    assert page["next"] is None
    (chunk,) = page["chunks"]
    number, key = chunk["number"], str(file.project_id)
    assert (chunk["projects"], chunk["files"], chunk["contents_held"]) == (1, 1, 2)
    assert replica.get(f"{tree}?chunks={number},{number + 1}").json["chunks"] == [chunk]
    assert replica.get(f"{tree}?versions=0").json["versions"] == {str(number): chunk["version"]}
    assert list(replica.get(f"{tree}?chunk={number}").json["projects"]) == [key]
    document = replica.get(f"{tree}?project={key}").json["document"]
    assert document["project"]["index"] == "main"
    assert list(document["files"]) == [file.filename]
    assert replica.get(f"{tree}?project={file.project_id + 1}").json["document"] is None
    assert replica.get(f"{tree}?table=indexapp.index").json["table"]
    assert replica.get(f"{tree}?log=1").json["log"] == epochs.newest_serial()
    Project.objects.update(status_reason="of another")
    (other,) = replica.get(f"{tree}?from=0").json["chunks"]
    assert other["digest"] != chunk["digest"]
    assert (other["held"], other["version"]) == (chunk["held"], chunk["version"])


@pytest.mark.parametrize("query", ["from=x", "from=-1", "versions=", "chunks=", f"chunks={'1,' * 65}1", "project=1e9"])
def test_digests_that_nobody_can_ask_for_are_refused(replica: WsgiClient, query: str) -> None:
    answer = replica.get(f"{ROOT}/tree/?{query}")
    assert (answer.status, answer.code) == (400, "wish-invalid")


def test_digests_of_an_unknown_table_are_not_there(replica: WsgiClient) -> None:
    assert replica.get(f"{ROOT}/tree/").code == "table-unknown"
    assert replica.get(f"{ROOT}/tree/?table=accounts.auditentry").code == "table-unknown"


def test_bytes_come_whole_and_from_any_byte(replica: WsgiClient, main: Index) -> None:
    file = published(main)
    path = f"{ROOT}/blobs/{file.sha256}/"
    whole = replica.get(path)
    assert (whole.status, len(whole.body)) == (200, file.size)
    for start in (1, file.size - 1):
        part = replica.get(path, Range=f"bytes={start}-")
        assert part.status == 206
        assert part.body == whole.body[start:]
        assert part.headers["Content-Range"] == f"bytes {start}-{file.size - 1}/{file.size}"
    assert replica.get(path, Range=f"bytes={file.size}-").status == 416
    assert replica.get(f"{ROOT}/blobs/{'0' * 64}/").code == "blob-unknown"


def contents(client: WsgiClient, *digests: str) -> Answer:
    body = json.dumps({"sha256": digests}).encode()
    return client.post(f"{ROOT}/blobs/", body, Content_Type="application/json")


def test_many_contents_come_by_one_answer(replica: WsgiClient, main: Index) -> None:
    file = File.objects.select_related("blob", "metadata_blob").get(pk=published(main).pk)
    answer = contents(replica, file.sha256, "0" * 64, file.metadata_sha256, file.sha256)
    found = {each.sha256: each.content for each in frames.read([answer.body])}
    assert found.pop("0" * 64) is None
    assert {sha256: hashlib.sha256(content or b"").hexdigest() for sha256, content in found.items()} == {
        file.sha256: file.sha256,
        file.metadata_sha256: file.metadata_sha256,
    }
    assert file.blob is not None
    file.blob.damaged_at = file.uploaded_at
    file.blob.save()
    (damaged,) = frames.read([contents(replica, file.sha256).body])
    assert damaged.content is None


def test_an_answer_of_many_contents_is_bounded(
    replica: WsgiClient, main: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = published(main)
    monkeypatch.setattr(frames, "MOST_BYTES", 1)
    wanted = [file.sha256, file.metadata_sha256]
    assert [each.sha256 for each in frames.read([contents(replica, *wanted).body])] == [file.sha256]
    monkeypatch.setattr(frames, "LARGEST", file.size - 1)
    assert [each.sha256 for each in frames.read([contents(replica, *wanted).body])] == [file.metadata_sha256]


@pytest.mark.parametrize(
    "asked", [{}, [], {"sha256": []}, {"sha256": ["x"]}, {"sha256": [1]}, {"sha256": ["0" * 64] * 257}]
)
def test_a_question_for_contents_that_is_none_is_refused(replica: WsgiClient, asked: Any) -> None:
    answer = replica.post(f"{ROOT}/blobs/", json.dumps(asked).encode(), Content_Type="application/json")
    assert (answer.status, answer.code) == (400, "wish-invalid")


def test_damaged_bytes_are_not_given(replica: WsgiClient, main: Index) -> None:
    file = File.objects.select_related("blob").get(pk=published(main).pk)
    assert file.blob is not None
    file.blob.damaged_at = file.uploaded_at
    file.blob.save()
    assert replica.get(f"{ROOT}/blobs/{file.sha256}/").status == 503


def test_what_replicas_ask_is_answered_by_plain_django_too(plain_django: WsgiClient, secret: str) -> None:
    client = plain_django.signed(basic("replica", secret))
    assert client.get(f"{ROOT}/hello/").json["site"] == str(epochs.site())
    assert feed(client, wait=0.1).status == 200
    assert client.post(f"{ROOT}/hello/").status == 405
    assert client.get(f"{ROOT}/rows/").status == 405


def test_a_secret_that_a_site_has_come_with_is_refused_without_that_site(machine: WsgiClient, main: Index) -> None:
    secret = credentials.invite(actor=SYSTEM, name="far")[1]
    assert machine.signed(basic("replica", secret) | {"X-TPI-Site": str(uuid4())}).get(f"{ROOT}/hello/").status == 200
    answer = machine.signed(basic("replica", secret)).get(f"{ROOT}/hello/")
    assert (answer.status, answer.json["code"]) == (400, "site-invalid")
