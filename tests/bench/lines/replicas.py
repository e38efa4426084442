"""A replica beside its primary: the first copy beside rsync, uploads until they can be read, and what waiting costs."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.corpus import Shape
from tests.bench.installation import Installation
from tests.bench.keepalive import Keepalive
from tests.bench.lines.uploads import CLIENTS
from tests.bench.load import settle
from tests.bench.processes import PYTHON, ROOT, cpu_seconds, peak
from tests.bench.table import Line, Table, Target, rate
from tests.bench.upload_forms import request_for, wheels

ALIKE = {"TPI_TOKEN_PEPPER": "aZ3k9Qw7Lm2Rt8Xv5Bn1Yc6Hd4Jf0GsPq", "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}
_SIZE = 10_000
_SHARE = Target(0.6)
_MEDIAN, _P99 = (Target(most, is_ceiling=True, unit=" s") for most in (1, 3))
_GROWTH = Target(1, is_ceiling=True, unit=" s")
_CORE = Target(5, is_ceiling=True, unit=" %")
_LARGE, _PACE = 1_000_000, 10
"""Bytes of a wheel, and how many of them are uploaded in a second."""
_REPLICAS = 20
_PATIENCE = 3600.0


def measure_first_copy(table: Table, folder: Path, shape: Shape) -> None:
    """All of a primary with many small files, beside ``rsync --fsync`` of the same bytes."""
    primary = Installation(folder, "copied", shape, pinned=False, **ALIKE)
    tree, beside = folder / "tree", folder / "rsynced"
    primary.inside("tests.bench.contents", str(_SIZE), str(tree))
    replica = Installation(folder, "copy", pinned=False, **ALIKE)
    settle()
    began = time.monotonic()
    subprocess.run(["rsync", "-a", "--fsync", f"{tree}/", str(beside)], check=True)
    other = time.monotonic() - began
    settle()
    with primary.server, _joined(primary, replica) as began, replica.server:
        while _missing(replica):
            if time.monotonic() - began > _PATIENCE:
                raise RuntimeError("The first copy does not end.")
            time.sleep(0.5)
        took = time.monotonic() - began
        most = max(peak(pid) for pid in replica.server.pids if pid not in replica.server.workers)
    # Not before: for minutes after a deletion ext4 makes new files several times more slowly.
    for each in (tree, beside):
        shutil.rmtree(each)
    number = primary.files
    name = f"first copy of {number:,} files of {_SIZE // 1000} kB"
    told, beside_it = f"{took:.0f} s, {rate(number / took)}", f"rsync -a --fsync {other:.0f} s, {rate(number / other)}"
    note = (
        "rsync copies plain bytes from one folder of this disk to another and syncs each; the replica also takes the rows, and both sides"
        " seal, open and prove the bytes"
    )
    table.add(Line(name, told, beside_it, other / took, _SHARE, note))
    table.add(
        Line("  memory of the follower", f"{most:.0f} MiB at most", "", most, Target(256, is_ceiling=True, unit=" MiB"))
    )


@contextmanager
def _joined(primary: Installation, replica: Installation) -> Iterator[float]:
    """Let the replica join its running primary; gives the moment at which it began to."""
    primary.server.settle()
    secret = primary.inside("tests.bench.replica", "invite", replica.folder.name)
    began = time.monotonic()
    replica.inside("tests.bench.replica", "join", f"http://127.0.0.1:{primary.port}/", secret)
    yield began


def _missing(replica: Installation) -> int:
    """Serials and contents that are not here yet."""
    with replica.database.working() as work:
        behind, contents = work.row(
            "SELECT (SELECT primary_serial - cursor FROM indexapp_following), (SELECT count(*) FROM indexapp_wantedblob)"
        )
    return int(behind) + int(contents)


def measure_following(table: Table, folder: Path, shape: Shape, number: int, seconds: int) -> None:
    """Uploads until the replica gives the file; then many bytes a second; then replicas that only wait."""
    primary = Installation(folder, "primary", shape, pinned=False, **ALIKE)
    replica = Installation(folder, "replica", pinned=False, **ALIKE)
    primary.inside("tests.bench.contents", "100", str(folder / "small-tree"))
    with primary.server, _joined(primary, replica), replica.server:
        while _missing(replica):
            time.sleep(0.5)
        replica.server.settle()
        lags = [
            _lag(primary, replica, wheel)
            for wheel in wheels(_names(shape), size=_SIZE, count=number, seed=1, major=600)
        ]
        lags.sort()
        median, worst = statistics.median(lags), lags[int(len(lags) * 0.99)]
        name = f"upload on the primary until a replica gives the file, {number} of them"
        table.add(Line(name, f"median {median:.2f} s", f"all {lags[0]:.2f} to {lags[-1]:.2f} s", median, _MEDIAN))
        table.add(Line("  the slowest of a hundred", f"{worst:.2f} s", "", worst, _P99))
        _measure_sustained(table, primary, replica, shape, seconds)
    _measure_waiting(table, primary, 30)


def _names(shape: Shape) -> list[str]:
    return [shape.name(number) for number in range(min(40, shape.projects))]


def _path(sha256: str, filename: str) -> str:
    return f"/main/files/{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"


def _lag(primary: Installation, replica: Installation, wheel: Any) -> float:
    """Seconds from the primary's answer until the replica gives all of the file."""
    with Keepalive(primary.port) as client:
        client.ask(request_for(wheel, primary.authorization))
    return _until_given(replica, primary.authorization, wheel)


def _until_given(replica: Installation, authorization: str, wheel: Any) -> float:
    began = time.monotonic()
    path = _path(hashlib.sha256(wheel.content).hexdigest(), wheel.filename)
    connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=60)
    try:
        while time.monotonic() - began < _PATIENCE:
            connection.request("GET", path, headers={"Authorization": authorization})
            answer = connection.getresponse()
            if answer.status == http.HTTPStatus.OK and answer.read() == wheel.content:
                return time.monotonic() - began
            answer.read()
            time.sleep(0.02)
    finally:
        connection.close()
    raise RuntimeError(f"The replica never gives {wheel.filename}.")


def _measure_sustained(table: Table, primary: Installation, replica: Installation, shape: Shape, seconds: int) -> None:
    """Ten megabytes a second; the lag of the last quarter beside that of the first."""
    count = seconds * _PACE
    built = list(wheels(_names(shape), size=_LARGE, count=count, seed=2, major=700))
    lags: list[tuple[float, float]] = []
    began = time.monotonic()

    def send(place: int) -> None:
        time.sleep(max(0.0, began + place / _PACE - time.monotonic()))
        lags.append((time.monotonic() - began, _lag(primary, replica, built[place])))

    with ThreadPoolExecutor(4 * CLIENTS) as pool:
        list(pool.map(send, range(count)))
    took = time.monotonic() - began
    quarter = max(1, count // 4)
    ordered = [lag for _, lag in sorted(lags)]
    first, last = statistics.median(ordered[:quarter]), statistics.median(ordered[-quarter:])
    sent = sum(len(wheel.content) for wheel in built) / took / 1e6
    told = f"{sent:.1f} MB/s for {took:.0f} s, lag {last:.2f} s at the end"
    table.add(
        Line("uploads of 10 MB/s: growth of the lag", told, f"{first:.2f} s at the beginning", last - first, _GROWTH)
    )


def _measure_waiting(table: Table, primary: Installation, seconds: int) -> None:
    """The time of all processes of a primary while many replicas wait for news, without that of one nobody asks."""
    with primary.server:
        primary.server.settle()
        idle = _used(primary, seconds)
        command = [PYTHON, "-m", "tests.bench.replica", "wait", str(_REPLICAS)]
        waiting = subprocess.Popen(command, cwd=ROOT, env=primary.environment)
        try:
            time.sleep(10)
            busy = _used(primary, seconds)
        finally:
            waiting.terminate()
            waiting.wait()
    told = f"{100 * busy:.1f} % of a core"
    note = "the share of one core that all processes of the primary use beyond what they use while nobody asks"
    name = f"primary with {_REPLICAS} waiting replicas, nothing new"
    table.add(Line(name, told, f"{100 * idle:.1f} % without them", 100 * (busy - idle), _CORE, note))


def _used(installation: Installation, seconds: int) -> float:
    before = cpu_seconds(installation.server.pids)
    time.sleep(seconds)
    return (cpu_seconds(installation.server.pids) - before) / seconds
