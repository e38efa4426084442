"""What a refused request may not do: answer like a fault, or leave anything behind."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass

from tests.servers.raw import RawAnswer
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply

_TABLES = ("indexapp_project", "indexapp_release", "indexapp_file", "indexapp_blob", "indexapp_change")
_OTHERS = re.compile(r"(tpi\.sqlite3(-wal|-shm|-journal)?|download-log/.*)\Z")
"""The database, and the list of downloads, which is written a little later than they are."""


@dataclass(frozen=True)
class State:
    """How many rows there are of each kind, and which files lie in the data folder."""

    rows: dict[str, int]
    files: frozenset[str]


def state_of(server: TpiServer) -> State:
    """The state now."""
    with closing(sqlite3.connect(server.data / "tpi.sqlite3", timeout=60)) as database:
        rows = {name: database.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in _TABLES}
    paths = (path.relative_to(server.data).as_posix() for path in server.data.rglob("*") if path.is_file())
    return State(rows, frozenset(path for path in paths if not _OTHERS.match(path)))


def require_refusal(answer: RawAnswer | Reply, *, status: int | None = None) -> str:
    """The answer is a 4xx with one sentence, the same in reason phrase and body; returns the sentence."""
    require_no_fault(answer)
    assert 400 <= answer.status < 500, (answer.status, answer.reason, answer.body[:300])
    if status is not None:
        assert answer.status == status, (answer.status, answer.reason)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["content-type"] == "application/problem+json", headers
    problem = answer.json()
    assert problem["status"] == answer.status
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem["code"])
    sentence: str = problem["detail"]
    assert " " in sentence
    shown = re.sub(r"[\x00-\x1f\x7f]+", " ", sentence).encode("latin-1", "replace").decode("latin-1")
    assert answer.reason.strip() == shown[:400].strip()
    return sentence


def require_no_fault(answer: RawAnswer | Reply) -> None:
    """The server did not fail and shows nothing of its inside."""
    assert answer.status < 500, (answer.status, answer.reason, answer.body[:2000])
    for trace in (b"Traceback", b"site-packages", b'File "'):
        assert trace not in answer.body
