"""What every object store must do; see :class:`indexapp.storage.protocol.ObjectStore`."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from indexapp.storage.protocol import ObjectStore


def name_of(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


def put(store: ObjectStore, content: bytes, name: str = "") -> bool:
    with store.spool() as spool:
        spool.file.write(content)
        return store.put(name or name_of(content), spool)


def read(store: ObjectStore, name: str, start: int = 0, length: int | None = None) -> bytes:
    stream = store.open(name, start, length)
    pieces = []
    while piece := stream.read(1000):
        assert len(piece) <= 1000
        pieces.append(piece)
    stream.close()
    return b"".join(pieces)


def test_what_is_put_is_read_back_whole_and_in_parts(store: ObjectStore) -> None:
    content = os.urandom(300_000)
    name = name_of(content)
    assert put(store, content)
    assert store.stat(name).size == len(content)
    assert read(store, name) == content
    assert read(store, name, 299_990) == content[-10:]
    assert read(store, name, 5, 10) == content[5:15]
    assert read(store, name, 0, 10) == content[:10]
    assert read(store, name, 299_990, 1_000) == content[-10:]


def test_an_empty_object_is_one(store: ObjectStore) -> None:
    assert put(store, b"")
    assert store.stat(name_of(b"")).size == 0
    assert read(store, name_of(b"")) == b""


def test_putting_twice_is_putting_once(store: ObjectStore) -> None:
    name = name_of(b"first")
    assert put(store, b"first", name) is True
    assert put(store, b"second", name) is False
    assert list(store.names()) == [name]
    assert read(store, name) == b"first"


def test_one_of_many_who_put_the_same_name_is_the_first(store: ObjectStore, the_first_wins: bool) -> None:
    name, outcomes = name_of(b"raced"), []

    def one(number: int) -> None:
        outcomes.append((put(store, b"%d" % number, name), number))

    threads = [threading.Thread(target=one, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for is_new, number in outcomes if is_new]
    assert len(winners) == 1 or not the_first_wins
    assert read(store, name) in {b"%d" % winner for winner in winners}


def test_a_replaced_object_has_the_new_bytes(store: ObjectStore) -> None:
    name = name_of(b"x")
    put(store, b"old bytes", name)
    with store.spool() as spool:
        spool.file.write(b"new")
        store.replace(name, spool)
    assert read(store, name) == b"new"
    assert list(store.names()) == [name]


def test_who_reads_while_it_is_replaced_reads_the_old_bytes_or_the_new(store: ObjectStore) -> None:
    name = name_of(b"x")
    put(store, b"o" * 100_000, name)
    stream = store.open(name)
    begun = stream.read(1)
    with store.spool() as spool:
        spool.file.write(b"n" * 100_000)
        store.replace(name, spool)
    rest = b""
    while piece := stream.read(100_000):
        rest += piece
    stream.close()
    assert (begun + rest) in {b"o" * 100_000, b"n" * 100_000}


def test_what_is_not_put_leaves_nothing(store: ObjectStore) -> None:
    with store.spool() as spool:
        spool.file.write(b"never kept")
    with pytest.raises(ZeroDivisionError), store.spool() as spool:
        spool.file.write(b"never kept")
        raise ZeroDivisionError
    assert list(store.names()) == []


def test_a_spool_can_be_read_before_it_is_put(store: ObjectStore) -> None:
    with store.spool() as spool:
        spool.file.write(b"0123456789")
        assert spool.size == 10
        spool.file.seek(-3, os.SEEK_END)
        assert spool.file.read() == b"789"
        store.put(name_of(b"x"), spool)
    assert read(store, name_of(b"x")) == b"0123456789"


def test_putting_again_makes_an_object_young(store: ObjectStore) -> None:
    put(store, b"old")
    before = store.stat(name_of(b"old")).put_at
    assert datetime.now(UTC) - before < timedelta(minutes=1)
    put(store, b"old")
    assert store.stat(name_of(b"old")).put_at >= before


def test_forgetting_is_no_error_where_nothing_is(store: ObjectStore) -> None:
    put(store, b"x")
    store.delete(name_of(b"x"))
    store.delete(name_of(b"x"))
    assert list(store.names()) == []


@pytest.mark.parametrize("ask", ["open", "stat"])
def test_missing_objects_are_said_at_once(store: ObjectStore, ask: str) -> None:
    question: Callable[[str], object] = getattr(store, ask)
    with pytest.raises(FileNotFoundError):
        question(name_of(b"nowhere"))


NO_NAMES = ["", "../../etc/passwd", "ab/cd", "AB/" + "0" * 62, "ab/" + "0" * 62 + "\n"]


@pytest.mark.parametrize("ask", ["open", "stat", "delete"])
def test_names_that_are_none_reach_no_place(store: ObjectStore, ask: str) -> None:
    question: Callable[[str], object] = getattr(store, ask)
    for name in NO_NAMES:
        with pytest.raises(ValueError) as caught:
            question(name)
        assert caught.value.args == (name,)
