"""A mirror beside a hosted index, warm; a group of five; and a crowd that asks for one wheel that nobody has fetched yet."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.bench import machine, paced_upstream
from tests.bench.corpus import Shape
from tests.bench.effort import Effort
from tests.bench.installation import Installation, get_bytes
from tests.bench.keepalive import Keepalive
from tests.bench.lines import peer_mirrors
from tests.bench.lines.memory import Rise
from tests.bench.load import get, race
from tests.bench.processes import PYTHON, ROOT, Server, free_port
from tests.bench.table import Line, Table, Target, rate
from tests.bench.upload_forms import request_for, wheels

_CLIENTS = 100
_JSON = "application/vnd.pypi.simple.v1+json"
_SMALL = 10_000
_PACE = 10_000_000
"""Bytes a second, as over a company's line of 80 Mbit/s."""
_NO_PACE = 10**12
_WARM, _GROUP, _CROWD = (Target(most, is_ceiling=True) for most in (1.1, 1.5, 1.3))
_EXTRA = Target(64, is_ceiling=True, unit=" MiB")


def measure_warm(table: Table, effort: Effort, folder: Path, shape: Shape) -> None:
    """Pages of 2,000 files and files of 10 kB."""
    index = Installation(folder, "warm", shape, TPI_OUTBOUND_NETWORKS="127.0.0.0/8")
    with peer_mirrors.upstream() as url, _upstream(folder / "small", _SMALL, _NO_PACE) as small:
        _make(index, name="outside", kind="mirror", upstream={"url": url})
        _make(index, name="wheels", kind="mirror", upstream={"url": _root(small)})
        hosted = [f"team-{number}" for number in range(4)]
        for name in hosted:
            _make(index, name=name)
        _make(index, name="all", kind="group", members=[*hosted, "outside"])
        with index.server:
            index.server.settle()
            ours = f"/main/simple/{shape.name(0)}/"
            _compare(table, effort, index, "mirror: warm page of 2,000 files", ours, "/outside/simple/wide/", _WARM)
            _compare(table, effort, index, "group of 5: warm page of 2,000 files", ours, "/all/simple/wide/", _GROUP)
            (wheel,) = wheels([shape.name(0)], size=_SMALL, count=1, seed=1, major=300)
            with Keepalive(index.port) as client:
                client.ask(request_for(wheel, index.authorization))
            file = _wheel(index, "wheels")
            get_bytes(index.port, get(file, authorization=index.authorization))
            ours = index.file_path(wheel.filename)
            _compare(table, effort, index, "mirror: warm file of 10 kB", ours, file, _WARM)


def measure_crowd(table: Table, folder: Path, size: int) -> None:
    """The seconds that the last of many clients takes, beside one that asks the upstream itself; and what it costs."""
    index = Installation(folder, "crowd", TPI_OUTBOUND_NETWORKS="127.0.0.0/8", pinned=False)
    with _upstream(folder / "crowd", size, _PACE) as upstream:
        _make(index, name="outside", kind="mirror", upstream={"url": _root(upstream)})
        with index.server:
            index.server.settle()
            file = _wheel(index, "outside")
            (direct,) = _crowd(upstream.port, f"/{paced_upstream.NAME}", 1)
            before, rise = _downloads(upstream), Rise(index)
            took = _crowd(index.port, file, _CLIENTS)
            asked = _downloads(upstream) - before
    name = f"mirror: {_CLIENTS} clients, one uncached wheel of {size / 1e6:.0f} MB"
    told = f"the last after {max(took):.1f} s"
    table.add(Line(name, told, f"directly {direct:.1f} s", max(took) / direct, _CROWD))
    table.add(Line("  downloads from the upstream", f"{asked}", "", asked, Target(1, is_ceiling=True)))
    table.add(Line("  memory of a worker", f"+{rise.mib:.0f} MiB at most", "", rise.mib, _EXTRA))


def _make(index: Installation, **arguments: object) -> None:
    index.inside("tests.servers.inside", "index", json.dumps({"anonymous_read": True, **arguments}))


def _compare(
    table: Table, effort: Effort, index: Installation, name: str, hosted: str, ours: str, target: Target
) -> None:
    asked = [get(path, authorization=index.authorization, accept=_JSON) for path in (ours, hosted)]
    for request in asked:
        get_bytes(index.port, request)
    mine, theirs = race((index.server, asked[:1]), (index.server, asked[1:]), effort)
    table.add(Line(name, rate(mine.rate), f"hosted {rate(theirs.rate)}", theirs.rate / mine.rate, target))


def _upstream(folder: Path, size: int, pace: int) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [PYTHON, "-m", "tests.bench.paced_upstream", str(port), str(size), str(pace)]
    return Server(
        "the upstream", command, port=port, log=folder / "log", environment={}, cpus=machine.cpus(), ready_path="/count"
    )


def _root(upstream: Server) -> str:
    return f"http://127.0.0.1:{upstream.port}/simple/"


def _wheel(index: Installation, mirror: str) -> str:
    """The path of the upstream's wheel in the mirror."""
    page = get(f"/{mirror}/simple/{paced_upstream.PROJECT}/", authorization=index.authorization, accept=_JSON)
    return str(json.loads(get_bytes(index.port, page)[2])["files"][0]["url"])


def _downloads(upstream: Server) -> int:
    return int(json.loads(get_bytes(upstream.port, get("/count"))[2])["downloads"])


def _crowd(port: int, path: str, clients: int) -> list[float]:
    command = [PYTHON, "-m", "tests.bench.crowd", str(port), path, str(clients)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The crowd failed:\n{done.stderr[-1000:]}")
    return [float(each) for each in json.loads(done.stdout)]
