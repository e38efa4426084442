"""Sinks of the audit log that are away for long, and jobs that are killed: everything arrives, in order, from the log itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.servers import inside, receivers
from tests.servers.data_folder import DataFolder

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("audit spool")]
_MANY = 6000


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder.prepared(tmp_path / "data", {"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"})


def _kept(folder: DataFolder) -> list[int]:
    return [position for (position,) in folder.ask("SELECT position FROM accounts_auditlink ORDER BY position")]


def _require_complete(lines: Iterable[str], folder: DataFolder) -> list[dict[str, Any]]:
    """Every entry came, first in the order of the chain; what came again came as a piece of what had come."""
    entries = [json.loads(line) for line in lines]
    positions = [entry["position"] for entry in entries]
    first = list(dict.fromkeys(positions))
    assert first == sorted(first)
    assert first == _kept(folder)[: len(first)]
    assert len(_kept(folder)) - len(first) <= 2, "what the last delivery has recorded of itself is for the next"
    return entries


def test_a_receiver_that_was_away_for_days_while_jobs_were_killed(folder: DataFolder) -> None:
    """The memory of what has arrived is in the database alone: each delivery is another process."""
    with receivers.http() as receiver:
        url = receiver.url
        folder.inside(inside.audit_sink, name="siem", kind="http", address=url)
    for hours in (0, 1, 30, 71):  # nobody listens
        folder.inside(inside.audit_entries, count=50)
        folder.inside(inside.deliver_audit, hours=hours)
    assert folder.ask("SELECT cursor, failures FROM accounts_auditsink") == [(0, 4)]
    assert folder.ask("SELECT count(*) FROM accounts_alarm WHERE code = 'audit-sink-failing' AND ended_at IS NULL") == [
        (1,)
    ]
    folder.inside(inside.audit_entries, count=_MANY)
    with receivers.http() as receiver:
        folder.inside(inside.audit_sink, name="siem", address=receiver.url)
        for cursor, hours in ((1, 80), (_MANY // 2, 90)):
            # The lease of a killed job ends by itself.
            folder.killed_when(
                f"SELECT 1 FROM accounts_auditsink WHERE cursor >= {cursor}", inside.deliver_audit, hours=hours
            )
        folder.inside(inside.deliver_audit, hours=100)
        bodies = [body.decode() for _, body in receiver.requests]
        _require_complete((line for body in bodies for line in body.splitlines()), folder)
        by_name: dict[str, set[str]] = {}
        for headers, body in receiver.requests:
            by_name.setdefault(headers["webhook-id"], set()).add(body.decode())
    assert all(len(same) == 1 for same in by_name.values()), "what comes again under one id is the same"


def test_a_file_that_is_rotated_and_a_job_that_is_killed_while_it_writes(folder: DataFolder) -> None:
    folder.inside(inside.audit_sink, name="file", kind="file", address="stream.jsonl")
    stream = folder.data / "audit-streams/stream.jsonl"
    folder.inside(inside.audit_entries, count=100)
    folder.inside(inside.deliver_audit)
    stream.rename(stream.with_name("stream.1.jsonl"))
    folder.inside(inside.audit_entries, count=_MANY)
    folder.killed_when("SELECT 1 FROM accounts_auditsink WHERE cursor >= 1000", inside.deliver_audit)
    stream.rename(stream.with_name("stream.2.jsonl"))
    folder.inside(inside.deliver_audit, hours=1)
    files = [stream.with_name(name) for name in ("stream.1.jsonl", "stream.2.jsonl", "stream.jsonl")]
    _require_complete((line for file in files for line in file.read_text().splitlines()), folder)


def test_a_line_that_was_broken_off_is_ended_and_comes_again_whole(folder: DataFolder) -> None:
    """A power cut or a full disk leaves half a line; the next one must not be glued to it."""
    folder.inside(inside.audit_sink, name="file", kind="file", address="stream.jsonl")
    stream = folder.data / "audit-streams/stream.jsonl"
    folder.inside(inside.audit_entries, count=20)
    folder.inside(inside.deliver_audit)
    whole = stream.read_bytes()
    stream.write_bytes(whole[:-40])
    folder.change("UPDATE accounts_auditsink SET cursor = cursor - 5")
    folder.inside(inside.deliver_audit, hours=1)
    lines = stream.read_text().splitlines()
    assert len(lines) >= len(whole.splitlines()) + 5
    (broken,) = [line for line in lines if not line.endswith("}")]
    _require_complete((line for line in lines if line != broken), folder)
