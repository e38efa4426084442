"""Driving a server with the load generator and reading what that cost."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.bench import machine
from tests.bench.effort import Effort
from tests.bench.load_client import Plan, Side
from tests.bench.processes import PYTHON, ROOT, cpu_seconds


@dataclass(frozen=True)
class Run:
    """What one server did: answers and MB a second, and its CPU microseconds for an answer; the load generator's for one."""

    rate: float
    megabytes: float
    cpu: float
    client_cpu: float = 0.0


class Listener(Protocol):
    """What is loaded: where it listens, what it is called, and the processes whose time is counted."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def port(self) -> int:
        """On the loopback interface."""

    @property
    def workers(self) -> list[int]:
        """Those that answer, as far as they can be told from the others."""

    @property
    def pids(self) -> list[int]:
        """All of them."""


class UnexpectedAnswerError(RuntimeError):
    """The server answered something else than what is measured: a quick refusal is no performance."""


def drive(
    server: Listener,
    requests: Sequence[bytes],
    *,
    seconds: float | None = None,
    connections: int = 16,
    expect: int = 200,
) -> Run:
    """Send ``requests``, each once, or over and over for ``seconds``."""
    (run,) = _run([(server, requests)], slices=1, seconds=seconds, connections=connections, expect=expect)
    return run


def race(
    ours: tuple[Listener, Sequence[bytes]],
    theirs: tuple[Listener, Sequence[bytes]],
    effort: Effort,
    *,
    connections: int = 16,
    expect: int = 200,
) -> tuple[Run, Run]:
    """Load both servers in short turns, so that whatever else happens on the machine meets both alike."""
    mine, other = _run(
        [ours, theirs], slices=effort.slices, seconds=effort.seconds, connections=connections, expect=expect
    )
    return mine, other


def _run(
    sides: Sequence[tuple[Listener, Sequence[bytes]]],
    *,
    slices: int,
    seconds: float | None,
    connections: int,
    expect: int,
) -> list[Run]:
    servers = [server for server, _ in sides]
    plan = Plan(
        tuple(Side(server.port, tuple(requests)) for server, requests in sides),
        connections,
        slices,
        seconds,
        machine.client_cpus(),
    )
    pids = [server.workers or server.pids for server in servers]
    with tempfile.NamedTemporaryFile(prefix="tpi-bench-", suffix=".plan") as file:
        pickle.dump(plan, file)
        file.flush()
        before = [cpu_seconds(each) for each in pids]
        command = [PYTHON, "-m", "tests.bench.load_client", file.name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        used = [cpu_seconds(each) - spent for each, spent in zip(pids, before, strict=True)]
    if done.returncode:
        raise UnexpectedAnswerError(done.stderr.decode(errors="replace")[-1500:])
    results = json.loads(done.stdout)
    return [_judged(*each, expect) for each in zip(servers, results, used, strict=True)]


def _judged(server: Listener, result: dict[str, Any], used: float, expect: int) -> Run:
    odd = {status: count for status, count in result["statuses"].items() if int(status) != expect}
    if odd:
        raise UnexpectedAnswerError(f"{server.name} answered {odd}, for example:\n{result['unhappy']}")
    answered, seconds = result["answered"], result["seconds"]
    return Run(
        answered / seconds, result["received"] / seconds / 1e6, used / answered * 1e6, result["used"] / answered * 1e6
    )


def get(
    path: str,
    *,
    authorization: str = "",
    accept: str = "*/*",
    coding: str = "identity",
    etag: str = "",
    byte_range: str = "",
) -> bytes:
    """A GET as pip sends it, with the headers of a page or a file request."""
    headers = {
        "Host": "127.0.0.1",
        "User-Agent": 'pip/26.0 {"ci":null,"cpu":"x86_64","implementation":{"name":"CPython","version":"3.11.2"}}',
        "Accept-Encoding": coding,
        "Accept": accept,
        "Connection": "keep-alive",
        "Cache-Control": "max-age=0",
    }
    if authorization:
        headers["Authorization"] = authorization
    if etag:
        headers["If-None-Match"] = etag
    if byte_range:
        headers["Range"] = byte_range
    return head("GET", path, headers)


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request line with headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def basic(username: str, password: str) -> str:
    """The Authorization header that pip and twine make of a user name and a password or token."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def settle() -> None:
    """Let what earlier runs wrote reach the disk, so that the next one does not pay for it."""
    os.sync()
