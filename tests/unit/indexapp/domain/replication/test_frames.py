"""Contents in frames: what came whole is taken, and nothing else is taken for one."""

from __future__ import annotations

import hashlib

import pytest

from indexapp.domain.replication import frames
from indexapp.domain.replication.frames import BadFrames, Frame

CONTENTS = [b"", b"x", bytes(range(256)) * 40]
FRAMES = [Frame(hashlib.sha256(content).hexdigest(), content) for content in CONTENTS]
ABSENT = Frame("ab" * 32, None)


def answer() -> bytes:
    whole = b"".join(frames.head_of(each.sha256, len(each.content or b"")) + (each.content or b"") for each in FRAMES)
    return whole + frames.head_of(ABSENT.sha256, None) + frames.END


@pytest.mark.parametrize("size", [1, 7, 41, 4096, 10**6])
def test_what_is_written_is_read_in_whatever_pieces_it_comes(size: int) -> None:
    whole = answer()
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(frames.read(pieces)) == [*FRAMES, ABSENT]


def test_what_is_cut_gives_whole_contents_and_then_fails() -> None:
    whole = answer()
    for end in range(0, len(whole), 97):
        found: list[Frame] = []
        with pytest.raises(BadFrames):
            found.extend(frames.read([whole[:end]]))
        assert found == [*FRAMES, ABSENT][: len(found)]
    assert len(found) == len(FRAMES)


@pytest.mark.parametrize(
    "bad",
    [
        answer() + b"x",
        b"<html>welcome to the hotel, all of whose guests are asked to sign in first</html>",
        frames.head_of("00" * 32, frames.LARGEST + 1) + frames.END,
    ],
)
def test_what_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(BadFrames):
        list(frames.read([bad]))
