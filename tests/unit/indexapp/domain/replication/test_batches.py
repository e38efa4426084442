from __future__ import annotations

import pytest

from indexapp.domain.replication.batches import BadBatch, Touched, in_pieces, read
from indexapp.domain.replication.rows import as_line, as_lines

HEAD = {"head": {"upto": 2, "newest": 3, "epoch": "e", "site": "s"}}
LINES = [
    as_line(HEAD),
    as_line({"change": {"serial": 2, "kind": "file-added"}}),
    as_line({"project": [1, "acme", 7]}),
    as_line({"rows": ["indexapp.project", [{"id": 7}]]}),
    as_line({"chunk": ["accounts.team", 0, [{"id": 1}]]}),
    as_line({"end": {"upto": 2}}),
]
WHOLE = b"".join(LINES)


def test_a_whole_batch_is_read_however_it_is_cut_into_pieces() -> None:
    for size in (1, 7, len(WHOLE)):
        batch = read(WHOLE[start : start + size] for start in range(0, len(WHOLE), size))
        assert batch.changes == [{"serial": 2, "kind": "file-added"}]
        assert batch.projects == [Touched(1, "acme", 7)]
        assert batch.rows == {"indexapp.project": [{"id": 7}]}
        assert batch.tables == [("accounts.team", 0, [{"id": 1}])]


def test_a_batch_that_is_cut_at_any_byte_is_none() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(BadBatch):
            read([WHOLE[:length]])


@pytest.mark.parametrize(
    "line",
    [
        b"<html>\n",
        b"[]\n",
        b"null\n",
        b"\xff\xfe\n",
        as_line({"nothing": 1}),
        as_line({"change": {"serial": "x"}}),
        as_line({"change": []}),
        as_line({"project": [1]}),
        as_line({"rows": ["indexapp.project", [1]]}),
        as_line({"chunk": ["accounts.team", "x", []]}),
        as_line({"end": 1}),
    ],
)
def test_a_line_that_is_none_spoils_the_batch(line: bytes) -> None:
    with pytest.raises(BadBatch):
        read([LINES[0], line, LINES[-1]])


@pytest.mark.parametrize("pieces", [[], [LINES[-1]], [as_line({"head": {}}), LINES[-1]], [WHOLE, LINES[1]]])
def test_what_has_no_head_or_goes_on_behind_its_end_is_none(pieces: list[bytes]) -> None:
    with pytest.raises(BadBatch):
        read(pieces)


def test_lines_travel_in_few_pieces_and_rows_many_in_a_line() -> None:
    rows = [{"id": number, "text": "é" * 1000} for number in range(200)]
    head, end = {"head": {"upto": 1, "newest": 1, "epoch": "e"}}, {"end": {"upto": 1}}
    lines = [as_line(head), *as_lines("a.model", rows), as_line(end)]
    pieces = list(in_pieces(lines))
    assert len(pieces) < len(lines) < len(rows)
    assert read(pieces).rows == {"a.model": rows}
    assert list(as_lines("a.model", [])) == []
