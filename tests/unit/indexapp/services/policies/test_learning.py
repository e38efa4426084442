"""What a rule needs to know of a mirror's file is fetched when the file is asked for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from indexapp.models import Change, Index
from indexapp.services.mirrors import bringing
from indexapp.services.mirrors.fetching import running
from indexapp.services.policies import learning, proofs
from indexapp.services.serving import index_map, watermarks
from indexapp.views.machine import files, mirror_files
from indexapp.views.machine.messages import Question
from indexapp.views.machine.mirror_files import AwaitedFirst, Pieces
from tests.builders.wheels import build_wheel
from tests.factories.policies import make_rule
from tests.factories.publishing import make_mirror
from tests.plugins import process_memory
from tests.servers.ports import wait_until
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import WsgiClient
from tpi_site.kit.errors import Forbidden

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
FREE = build_wheel("acme-tool", "1.0", headers=[("License-Expression", "MIT")])
BOUND = build_wheel("acme-tool", "2.0", headers=[("License-Expression", "AGPL-3.0-only")])


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not fetched within some seconds is missing, which is another test's than these."""
    monkeypatch.setattr(learning, "_PATIENCE", 60.0)
    monkeypatch.setattr(mirror_files, "_PATIENCE_FIRST", 60.0)


@pytest.fixture
def upstream(settings: Any) -> Iterator[StaticIndex]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with StaticIndex() as server:
        for file in (FREE, BOUND):
            server.publish(StaticFile(*file))
        yield server


@pytest.fixture
def mirror(upstream: StaticIndex, db: None) -> Index:
    return make_mirror("outside", upstream.url, anonymous_read=True)


def statement_of(digest: str) -> bytes:
    statement = base64.b64encode(json.dumps({"subject": [{"digest": {"sha256": digest}}]}).encode()).decode()
    bundle = {"attestations": [{"envelope": {"statement": statement}}]}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()


def addresses(machine: WsgiClient) -> dict[str, str]:
    page = machine.get("/outside/simple/acme-tool/", Accept="application/vnd.pypi.simple.v1+json").json
    return {file["filename"]: urlsplit(file["url"]).path for file in page["files"]}


def asked(upstream: StaticIndex, end: str) -> int:
    return sum(each.path.endswith(end) for each in upstream.requests)


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("tail", ["", ".metadata"])
def test_a_rule_on_licences_has_the_metadata_fetched(machine: WsgiClient, upstream: StaticIndex, tail: str) -> None:
    found = addresses(machine)
    make_rule(None, licenses_allowed=["MIT"])
    assert machine.get(found[FREE.filename] + tail).status == 200
    assert machine.get(found[BOUND.filename] + tail).code == "policy-blocked"
    assert asked(upstream, f"{BOUND.filename}.metadata") == 1
    assert asked(upstream, BOUND.filename) == 0
    assert Change.objects.filter(kind="project-mirrored", detail__metadata=[FREE.filename]).exists()


@pytest.mark.usefixtures("mirror")
def test_what_does_not_come_is_missing_and_refused(machine: WsgiClient, upstream: StaticIndex) -> None:
    found = addresses(machine)
    make_rule(None, imports=["evil"])
    upstream.behaviour = Behaviour(status=500, on="metadata")
    for _ in range(2):
        assert machine.get(found[FREE.filename]).code == "policy-blocked"
    assert asked(upstream, ".metadata") >= 1
    upstream.behaviour = Behaviour()
    process_memory.forget()
    assert machine.get(found[FREE.filename]).code == "policy-blocked"  # it names none, which is not known either


@pytest.mark.usefixtures("mirror")
def test_what_is_refused_whatever_it_says_asks_no_upstream(machine: WsgiClient, upstream: StaticIndex) -> None:
    found = addresses(machine)
    make_rule(None, projects=["acme-tool"])
    make_rule(None, licenses_allowed=["MIT"])
    assert machine.get(found[FREE.filename]).code == "policy-blocked"
    assert asked(upstream, ".metadata") == 0


@pytest.mark.usefixtures("mirror")
def test_an_attestation_counts_when_it_speaks_of_the_bytes(machine: WsgiClient, upstream: StaticIndex) -> None:
    upstream.publish(StaticFile(*FREE, provenance=statement_of(hashlib.sha256(FREE.content).hexdigest())))
    upstream.publish(StaticFile(*BOUND, provenance=statement_of("0" * 64)))
    found = addresses(machine)
    make_rule(None, without_attestation=True)
    assert machine.get(found[BOUND.filename]).code == "policy-blocked"
    assert machine.get(found[FREE.filename]).status == 200
    assert sum("provenance" in each.path for each in upstream.requests) == 2


@pytest.mark.usefixtures("mirror")
def test_a_provenance_that_is_not_given_is_none(machine: WsgiClient, upstream: StaticIndex) -> None:
    upstream.publish(StaticFile(*FREE, provenance=b"{}"))
    upstream.behaviour = Behaviour(status=404, on="provenance")
    found = addresses(machine)
    make_rule(None, without_attestation=True)
    assert machine.get(found[FREE.filename]).code == "policy-blocked"


@pytest.mark.usefixtures("mirror")
def test_a_file_that_is_here_is_given_to_who_polls(machine: WsgiClient, upstream: StaticIndex) -> None:
    noise = {"acme_tool/noise.bin": bytes(range(256)) * 4000}
    large = build_wheel("acme-tool", "3.0", headers=[("License-Expression", "MIT")], files=noise, compression=0)
    upstream.publish(StaticFile(*large))
    path = addresses(machine)[large.filename]
    assert machine.get(path).body == large.content
    wait_until(lambda: not running.under_way(), 30, lambda: "the download does not end")
    make_rule(None, licenses_allowed=["MIT"])
    later = files.file(Question(path), "outside", path.removeprefix("/outside/files/"))
    assert isinstance(later, AwaitedFirst)
    woken = Event()
    later.listen(woken.set)
    assert woken.wait(60)
    reply = later.reply()
    assert reply is not None
    assert isinstance(reply.body, Pieces)
    assert b"".join(iter(reply.body.piece, b"")) == large.content


def test_a_prefetch_learns_as_well(machine: WsgiClient, mirror: Index) -> None:
    addresses(machine)
    make_rule(None, licenses_allowed=["MIT"])
    index = index_map.read(watermarks.read()).by_name["outside"]
    rows = dict(mirror.files.values_list("filename", "pk"))
    assert bringing.bring(index, rows[FREE.filename]) == len(FREE.content)
    with pytest.raises(Forbidden):
        bringing.bring(index, rows[BOUND.filename])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"attestation_bundles": 1}',
        '{"attestation_bundles": [1, {"attestations": [{"envelope": {"statement": "!"}}]}]}',
        '{"attestation_bundles": [{"attestations": [{"envelope": {"statement": "e30="}}, {"envelope": []}]}]}',
    ],
)
def test_a_provenance_that_makes_no_sense_proves_nothing(text: str) -> None:
    assert proofs.digests_of(text) == set()
