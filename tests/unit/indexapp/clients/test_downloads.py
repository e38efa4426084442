from __future__ import annotations

import hashlib
import tracemalloc

import pytest

from indexapp.clients import upstream
from indexapp.clients.upstream import Failure, UpstreamAddress, UpstreamFailed
from tests.builders.wheels import build_wheel
from tests.servers.static_index import Behaviour, Credentials, StaticFile, StaticIndex
from tests.servers.static_index_pages import metadata_of

WHEEL = StaticFile(*build_wheel("acme-tool", "1.0", files={"acme_tool/__init__.py": b"x = 1\n" * 50_000}))
SIZE = len(WHEEL.content)


def test_a_file_comes_whole() -> None:
    with StaticIndex([WHEEL]) as index:
        with upstream.open_file(UpstreamAddress(index.url), index.file_url(WHEEL.filename)) as answer:
            content = b"".join(answer.body)
        asked = index.requests[-1].headers
    assert (answer.status, answer.start, answer.size) == (200, 0, SIZE)
    assert hashlib.sha256(content).digest() == hashlib.sha256(WHEEL.content).digest()
    assert (asked["accept-encoding"], "range" in asked) == ("identity", False)


@pytest.mark.parametrize(("start", "end"), [(0, 100), (7, None), (7, 8), (-50, None), (SIZE - 1, None)])
def test_a_part_of_a_file(start: int, end: int | None) -> None:
    with StaticIndex([WHEEL]) as index:
        address, url = UpstreamAddress(index.url), index.file_url(WHEEL.filename)
        with upstream.open_file(address, url, start=start, end=end) as answer:
            content = b"".join(answer.body)
    assert (answer.status, answer.size, answer.start) == (206, SIZE, start if start >= 0 else SIZE + start)
    assert content == WHEEL.content[start:end]


def test_a_download_goes_on_where_it_broke_off_unless_the_file_is_another() -> None:
    with StaticIndex([WHEEL]) as index:
        address, url = UpstreamAddress(index.url), index.file_url(WHEEL.filename)
        with upstream.open_file(address, url) as first:
            pass
        with upstream.open_file(address, url, start=100, validator=first.validator) as same:
            pass
        index.publish(StaticFile(WHEEL.filename, b"changed"))
        with upstream.open_file(address, url, start=100, validator=first.validator) as changed:
            content = b"".join(changed.body)
    assert first.validator
    assert (same.status, same.start) == (206, 100)
    assert (changed.status, changed.start, content) == (200, 0, b"changed")


def test_an_upstream_without_parts_gives_the_whole() -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(has_ranges=False)) as index:
        address, url = UpstreamAddress(index.url), index.file_url(WHEEL.filename)
        with upstream.open_file(address, url, start=100) as answer:
            assert (answer.status, answer.start, answer.size) == (200, 0, SIZE)


def test_a_part_beyond_the_end() -> None:
    with StaticIndex([WHEEL]) as index, pytest.raises(UpstreamFailed, match="no such part") as caught:
        upstream.open_file(UpstreamAddress(index.url), index.file_url(WHEEL.filename), start=SIZE)
    assert caught.value.kind is Failure.BAD_ANSWER


def test_a_file_that_is_gone() -> None:
    with StaticIndex([WHEEL]) as index, pytest.raises(UpstreamFailed) as caught:
        upstream.open_file(UpstreamAddress(index.url), index.file_url("gone-1.0.tar.gz"))
    assert caught.value.kind is Failure.MISSING


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("truncate", Failure.UNREACHABLE), ("long-length", Failure.UNREACHABLE), ("huge-length", Failure.TOO_LARGE),
     ("endless", Failure.TOO_LARGE), ("endless-chunks", Failure.TOO_LARGE), ("garbage", Failure.BAD_ANSWER),
     ("reset", Failure.UNREACHABLE)],
)  # fmt: skip
def test_a_bad_download_fails(fault: str, kind: Failure) -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(fault=fault)) as index, pytest.raises(UpstreamFailed) as caught:
        address, url = UpstreamAddress(index.url), index.file_url(WHEEL.filename)
        with upstream.open_file(address, url, most=2 * SIZE) as answer:
            for _ in answer.body:
                pass
    assert caught.value.kind is kind


def test_a_length_that_is_too_small_never_gives_more_than_it_said() -> None:
    with (
        StaticIndex([WHEEL], behaviour=Behaviour(fault="short-length")) as index,
        upstream.open_file(UpstreamAddress(index.url), index.file_url(WHEEL.filename)) as answer,
    ):
        content = b"".join(answer.body)
    assert (answer.size, content) == (SIZE // 2, WHEEL.content[: SIZE // 2])


def test_small_things() -> None:
    with StaticIndex([WHEEL]) as index:
        address, url = UpstreamAddress(index.url), index.file_url(WHEEL.filename + ".metadata")
        assert upstream.fetch_small(address, url, 100_000) == metadata_of(WHEEL)
        with pytest.raises(UpstreamFailed) as caught:
            upstream.fetch_small(address, url, 10)
    assert caught.value.kind is Failure.TOO_LARGE


@pytest.mark.parametrize(
    ("fault", "kind"), [("gzip-bomb", Failure.TOO_LARGE), ("broken-gzip", Failure.BAD_ANSWER)]
)  # fmt: skip
def test_small_things_that_are_packed_badly(fault: str, kind: Failure) -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(fault=fault)) as index, pytest.raises(UpstreamFailed) as caught:
        upstream.fetch_small(UpstreamAddress(index.url), index.file_url(WHEEL.filename + ".metadata"), 10_000_000)
    assert caught.value.kind is kind


def test_credentials_stay_with_the_upstream() -> None:
    with (
        StaticIndex([WHEEL], credentials=Credentials("mirror", "secret")) as index,
        StaticIndex([WHEEL]) as elsewhere,
    ):
        address = UpstreamAddress(index.url, "mirror", "secret")
        for url in (index.file_url(WHEEL.filename), elsewhere.file_url(WHEEL.filename)):
            with upstream.open_file(address, url) as answer:
                assert answer.status == 200
        index.behaviour = Behaviour(redirect_to=f"{elsewhere.base}/")
        with upstream.open_file(address, index.file_url(WHEEL.filename)) as answer:
            assert b"".join(answer.body) == WHEEL.content
    assert "authorization" in index.requests[0].headers
    assert [("authorization" in asked.headers) for asked in elsewhere.requests] == [False, False]


def test_a_download_of_any_length_takes_little_memory() -> None:
    big = StaticFile("acme_tool-2.0.tar.gz", bytes(range(256)) * 2**17)
    digest, count = hashlib.sha256(), 0
    with StaticIndex([big]) as index:
        tracemalloc.start()
        try:
            with upstream.open_file(UpstreamAddress(index.url), index.file_url(big.filename)) as answer:
                for piece in answer.body:
                    digest.update(piece)
                    count += len(piece)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (count, digest.digest()) == (2**25, hashlib.sha256(big.content).digest())
    assert peak < 2_000_000, f"{peak} bytes at most"


def test_a_download_that_is_not_read_to_its_end_is_closed() -> None:
    big = StaticFile("acme_tool-2.0.tar.gz", bytes(2**25))
    with StaticIndex([big]) as index:
        with upstream.open_file(UpstreamAddress(index.url), index.file_url(big.filename)) as answer:
            next(answer.body)
        with pytest.raises(UpstreamFailed):
            for _ in answer.body:
                pass
