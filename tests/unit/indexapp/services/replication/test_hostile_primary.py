"""What a primary sends that no primary of ours would: nothing of it is taken, and the replica says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from indexapp.clients import takeovers
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.domain.replication import batches
from indexapp.domain.replication.batches import BadBatch, Batch
from indexapp.models import Change, Epoch, File, Following, Index, Project
from indexapp.services.replication import epochs, following, giving, joining, places, returning, verifying
from indexapp.services.replication.differences import Difference
from indexapp.services.replication.following import Mark, Round
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tests.servers.fixed import Fixed
from tests.servers.inside.replication import replicated
from tests.unit.indexapp.services.replication.test_applying import SECRET, given
from tpi_site.kit.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HUGE, ENDLESS = 10**30, float("inf")
OPEN = "http://8.8.8.8/"
Bend = Callable[[Batch], None]


@pytest.fixture
def batch(main: Index) -> Batch:
    """All that this site has, which it follows itself from the first change on."""
    epochs.current()
    published(main)
    published(main, build_wheel("other-tool", "2.0"))
    made = given()
    make_following(primary_site=epochs.site(), cursor=0)
    return made


def column(model: type[Any], name: str, value: Any) -> Bend:
    """One row of the model says something else."""
    label = places.label(model)

    def bend(batch: Batch) -> None:
        chunks = [rows for of, _, rows in batch.tables if of == label and rows]
        (batch.rows.get(label) or chunks[0])[0][name] = value

    return bend


def head(name: str, value: Any) -> Bend:
    return lambda batch: batch.head.update({name: value})


def nested() -> Any:
    found: Any = []
    for _ in range(100_000):
        found = [found]
    return found


BENT = {
    "a file that leads out of a folder": column(File, "filename", "../../../../evil-1.0.whl"),
    "a file that is a folder": column(File, "filename", ".."),
    "a file without a name": column(File, "filename", ""),
    "a file whose name breaks a line": column(File, "filename", "evil\r\nX: y"),
    "a digest that leads out of a folder": column(File, "sha256", "../../../evil"),
    "a project that leads out of a folder": column(Project, "normalized_name", "../../evil"),
    "an index that leads out of a folder": column(Index, "name", "../evil"),
    "a name that is none": column(File, "filename", {"a": 1}),
    "a size without an end": column(File, "size", ENDLESS),
    "a size that no database keeps": column(File, "size", HUGE),
    "a truth that is none": column(File, "is_yanked", "perhaps"),
    "a uuid that is none": column(Epoch, "uuid", 5),
    "a moment that is none": column(File, "uploaded_at", 5),
    "a content without an end": column(File, "blob_id", ["0" * 64, ENDLESS]),
    "what is nested too deeply": lambda batch: batch.changes[0].update(detail=nested()),
    "a serial that no database keeps": head("upto", HUGE),
    "a newest serial that no database keeps": head("newest", HUGE),
    "a counter without an end": head("generations", {"access": ENDLESS}),
    "a table that does not travel": lambda batch: batch.tables.append(("indexapp.fence", 0, [{"id": 1}])),
    "rows that do not travel": lambda batch: batch.rows.update({"indexapp.fence": [{"id": 1}]}),
}


@pytest.mark.parametrize("what", BENT)
def test_a_batch_that_cannot_be_ours_is_not_taken(batch: Batch, what: str) -> None:
    before, row = replicated(), Following.objects.get()
    Change.objects.all().delete()
    BENT[what](batch)
    with pytest.raises(PrimaryFailed) as refused:
        following.take(batch, Mark(row.epoch, row.cursor), row.primary_site, SECRET)
    assert refused.value.code == "bad-batch"
    assert Following.objects.get().cursor == 0
    assert not Change.objects.exists()
    assert {name: rows for name, rows in replicated().items() if name != "indexapp.change"} == {
        name: rows for name, rows in before.items() if name != "indexapp.change"
    }


def test_the_same_batch_straight_is_taken(batch: Batch) -> None:
    row = Following.objects.get()
    assert following.take(batch, Mark(row.epoch, row.cursor), row.primary_site, SECRET)


@pytest.mark.parametrize("line", [b'{"head": {"upto": Infinity, "newest": 1, "epoch": "x"}}', b'{"head": 5}'])
def test_a_line_with_a_number_without_an_end_is_none(line: bytes) -> None:
    with pytest.raises(BadBatch):
        batches.read([line + b"\n"])


@pytest.mark.parametrize(
    "said",
    [
        {"newest": HUGE},
        {"newest": -1},
        {"newest": 1, "takeover": {"url": "https://far.example/\0", "siblings": []}},
        {"newest": 1, "takeover": {"url": "https://far.example/\x1b[2J", "siblings": []}},
    ],
)
def test_news_that_cannot_be_kept_is_told_as_such(batch: Batch, settings: Any, said: dict[str, Any]) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with Fixed(200, json.dumps({"generations": {}} | said).encode()) as primary:
        Following.objects.all().delete()
        make_following(primary.url)
        assert following.follow_once() is Round.FAILED
    row = Following.objects.get()
    assert row.failure_code == "bad-answer"
    assert row.own_url == ""


def test_a_release_that_would_move_the_cursor_is_told_in_plain_words(main: Index) -> None:
    said = joining.hello("a secret") | {"site": "another", "migrations": [], "release": "\x1b[2J9.9"}
    with pytest.raises(Conflict) as refused:
        joining.require_fit(said, "a secret")
    assert refused.value.code == "releases-differ"
    assert refused.value.detail.isprintable()


def test_a_replicas_secret_does_not_go_over_the_open_network_in_clear(main: Index) -> None:
    primary = Primary(OPEN, "tpi_secret", str(epochs.site()))
    for ask in (
        primary.hello,
        lambda: primary.tree({}),
        lambda: primary.batch({}),
        lambda: next(primary.contents(["0" * 64])),
        lambda: takeovers.tell(OPEN, "tpi_secret", str(epochs.site()), {}),
    ):
        with pytest.raises(PrimaryFailed) as failed:
            ask()
        assert failed.value.code == "primary-insecure"
    make_following(OPEN, secret="tpi_secret")
    assert following.follow_once() is Round.FAILED
    assert Following.objects.get().failure_code == "primary-insecure"


@pytest.mark.parametrize("join", [joining.join, returning.rejoin])
def test_nobody_joins_over_the_open_network_in_clear(main: Index, join: Callable[..., Any]) -> None:
    with pytest.raises(Conflict) as refused:
        join(actor=SYSTEM, url=OPEN, secret="tpi_secret")
    assert refused.value.code == "primary-insecure"
    assert not Following.objects.exists()


CHUNK = {"number": 0, "version": "", "digest": "", "held": "", "projects": 1, "files": 1, "contents_held": 1}


@pytest.mark.parametrize(
    "said",
    [
        {"chunks": [], "next": 0},
        {"chunks": [], "next": -1},
        {"chunks": [], "next": ENDLESS},
        {"chunks": [CHUNK | {"number": ENDLESS}], "next": None},
        {"chunks": [CHUNK | {"number": -1}], "next": None},
        {"chunks": [CHUNK | {"digest": "no digest"}], "next": None},
    ],
)
def test_digests_that_are_none_or_never_end_are_not_compared(main: Index, settings: Any, said: dict[str, Any]) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    site, moment = epochs.site(), {"epoch": str(epochs.current().uuid), "serial": 0, "schema": giving.schema()}
    answer = {"site": str(site), "versions": {}} | moment | said
    with Fixed(200, json.dumps(answer).encode()) as primary:
        make_following(primary.url, primary_site=site)
        with pytest.raises(PrimaryFailed) as failed:
            verifying.verify(actor=SYSTEM, wish=verifying.Wish(patience=0.0))
    assert failed.value.code == "bad-answer"


def test_what_differs_is_told_in_words_that_a_terminal_only_shows() -> None:
    found = Difference("main", "acme", "file \x1b[2J\r\n", {"size": 1}, None)
    assert found.sentence.isprintable()
    assert found.sentence.startswith("main/acme: file")


@pytest.mark.parametrize("projects", [{"1": 5}, {"one": ["a", "b"]}, ["1"], None, {"1": []}])
def test_a_chunk_that_is_none_is_told_as_such(main: Index, settings: Any, projects: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    site, moment = epochs.site(), {"epoch": str(epochs.current().uuid), "serial": 0, "schema": giving.schema()}
    chunks = {"chunks": [CHUNK | {"digest": "0" * 64}], "versions": {"0": ""}, "next": None, "projects": projects}
    with Fixed(200, json.dumps({"site": str(site), **moment, **chunks}).encode()) as primary:
        make_following(primary.url, primary_site=site)
        with pytest.raises(PrimaryFailed) as failed:
            verifying.verify(actor=SYSTEM, wish=verifying.Wish(patience=0.0))
    assert failed.value.code == "bad-answer"
