"""Rotations where each node has a ring file of its own: none is left behind, and one that is, says so."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from os import urandom
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.management.commands import rotate_keys
from accounts.models import AuditEntry, Node, SharedSecret
from accounts.services import nodes, shared_secrets
from accounts.services.keys import asking, compromise, installation, rewrapping
from accounts.services.keys import ring as rings
from indexapp.domain.file_paths import file_path
from indexapp.models import Blob
from indexapp.services.integrity import suspicions
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.wsgi_client import WsgiClient
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SIZES = (("small", 10), ("large", 400_000))


@pytest.fixture
def ring(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of this node, which does not wait for others."""
    monkeypatch.setattr(rotate_keys, "_PATIENCE", 0.0)
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    key_ring.key_ring()
    yield path
    key_ring.forget()


@pytest.fixture
def other(ring: Path) -> Node:
    """Another node, which has the same ring as this one when the test begins."""
    now = timezone.now()
    return Node.objects.create(name="node1", release="1.0", started_at=now, seen_at=now, ring=nodes._our_ring())


def tell(other: Node) -> None:
    """The other node has the ring of now and says so."""
    Node.objects.filter(pk=other.pk).update(ring=nodes._our_ring(), seen_at=timezone.now())


def rotate(**options: Any) -> str:
    out = io.StringIO()
    call_command("rotate_keys", stdout=out, **options)
    return out.getvalue()


def put(path: Path, text: str) -> None:
    path.write_text(text)
    key_ring.forget()


def test_a_key_is_current_when_all_nodes_have_it(ring: Path, other: Node, cast: Cast) -> None:
    published(cast.index)
    old = key_ring.key_ring().current
    for _ in range(2):
        with pytest.raises(CommandError, match=r"not current yet: node1 did not tell.*Copy the key ring"):
            rotate()
    found = json.loads(ring.read_text())
    assert (found["current"], set(found["keys"])) == (old, {old, found["coming"]})
    assert not rewrapping.waiting()
    with evidence.refused("key-ring-behind"):
        asking.ask_rotation(actor=SYSTEM)
    tell(other)
    assert "Copy the key ring once more" in rotate()
    found, coming = json.loads(ring.read_text()), found["coming"]
    assert (found["current"], "coming" in found) == (coming, False)
    assert {each.split(".")[1] for each in Blob.objects.values_list("sealed_key", flat=True)} == {coming}
    with pytest.raises(CommandError, match="still the current one of node1"):
        rotate(remove=old)
    tell(other)
    assert "is removed" in rotate(remove=old)
    told = AuditEntry.objects.filter(action__startswith="keys.").order_by("pk").values_list("action", "object_name")
    assert [*told] == [("keys.announce", coming), ("keys.add", coming), ("keys.rewrap", coming), ("keys.remove", old)]


def test_nodes_that_stopped_are_not_waited_for(ring: Path, other: Node) -> None:
    Node.objects.update(left_at=timezone.now())
    rotate()
    assert "coming" not in json.loads(ring.read_text())


def test_a_node_that_does_not_tell_counts_as_behind(ring: Path, other: Node) -> None:
    Node.objects.update(ring=None)
    with pytest.raises(Conflict, match="node1 did not tell"):
        rings.add_key(actor=SYSTEM)


def test_the_current_key_is_given_up_when_all_have_another(ring: Path, other: Node) -> None:
    with evidence.refused("key-current"):
        compromise.give_up(actor=SYSTEM, key_id=key_ring.key_ring().current)


def test_a_variable_gets_the_key_first_and_then_its_use(
    ring: Path, other: Node, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = key_ring.key_ring().current
    monkeypatch.setenv("RING", ring.read_text())
    settings.TPI_KEYRING = "env:RING"
    first = rotate().splitlines()[-1]
    monkeypatch.setenv("RING", first)
    assert json.loads(first)["current"] == old
    with pytest.raises(CommandError, match="node1 did not tell"):
        rotate()
    tell(other)
    second = json.loads(rotate().splitlines()[-1])
    assert (second["current"], "coming" in second) == (json.loads(first)["coming"], False)


@pytest.mark.usefixtures("told_all")
def test_a_node_with_an_older_ring_says_so_and_calls_nothing_damaged(
    ring: Path, cast: Cast, machine: WsgiClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    settings.TPI_DATA_DIR = tmp_path
    noted: list[str] = []
    monkeypatch.setattr(suspicions, "note", noted.append)
    shared_secrets.agree()
    stale = ring.read_text()
    rotate()
    new, fresh = key_ring.key_ring().current, ring.read_text()
    small, large = (
        published(cast.index, build_wheel(name, files={"noise.bin": urandom(size)})) for name, size in SIZES
    )
    assert machine.get("/readyz").json["parts"]["keys"] == "ok"

    put(ring, stale)
    state = machine.get("/readyz")
    assert state.status == 503
    assert f"lacks the current key '{new}'" in state.json["parts"]["keys"]
    reader = machine.signed(cast.bearer("reader"))
    for file in (small, large):
        answer = reader.get(f"/{file.index.name}/files/{file_path(file.sha256, file.filename)}")
        assert (answer.status, answer.code) == (503, "key-missing")
    with evidence.refused("key-ring-behind"):
        rewrapping.rewrap_all(actor=SYSTEM)
    with evidence.refused("secrets-differ"):
        shared_secrets.agree()
    assert not noted
    assert not Blob.objects.exclude(damaged_at=None).exists()

    put(ring, fresh)
    assert machine.get("/readyz").json["parts"]["keys"] == "ok"
    shared_secrets.agree()


def test_a_key_that_was_given_up_makes_older_rings_stale_and_newer_ones_start(ring: Path) -> None:
    shared_secrets.agree()
    rotate()
    stale = ring.read_text()
    [old] = set(json.loads(stale)["keys"]) - {json.loads(stale)["current"]}
    compromise.give_up(actor=SYSTEM, key_id=old)
    assert not installation.shortfall()
    shared_secrets.agree()
    fresh = ring.read_text()
    put(ring, stale)
    assert "older than the installation's" in installation.shortfall()
    with evidence.refused("secrets-differ"):
        shared_secrets.agree()
    SharedSecret.objects.filter(name=installation.NAMING).update(
        fingerprint=installation.fingerprint(installation.NAMING, key_ring.key_ring().naming)
    )
    put(ring, fresh)
    shared_secrets.agree()  # as after a ring in a variable was changed on purpose
    assert not installation.shortfall()
    put(ring, stale)
    assert installation.shortfall()
