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
from statistics import median

from tests.bench import machine
from tests.bench.load_client import Plan
from tests.bench.processes import PYTHON, ROOT, Server, cpu_seconds


@dataclass(frozen=True)
class Run:
    """One run: answers and MB a second, the server's CPU microseconds for an answer, the median latency in seconds."""

    rate: float
    megabytes: float
    cpu: float
    latency: float


class UnexpectedAnswerError(RuntimeError):
    """The server answered something else than what is measured."""


def drive(
    server: Server,
    requests: Sequence[bytes],
    *,
    seconds: float | None = None,
    connections: int = 16,
    expect: frozenset[int] = frozenset({200}),
) -> Run:
    """Send ``requests`` (each once, or over and over for ``seconds``) and return the figures.

    Any other status than those expected is an error: a quick refusal is no performance.
    """
    plan = Plan(server.port, tuple(requests), connections, seconds, machine.client_cpus())
    pids = server.workers or server.pids
    with tempfile.NamedTemporaryFile(prefix="tpi-bench-", suffix=".plan") as file:
        pickle.dump(plan, file)
        file.flush()
        before = cpu_seconds(pids)
        done = subprocess.run(
            [PYTHON, "-m", "tests.bench.load_client", file.name], cwd=ROOT, capture_output=True, check=False
        )
        used = cpu_seconds(pids) - before
    if done.returncode:
        raise UnexpectedAnswerError(f"{server.name}: {done.stderr.decode(errors='replace')[-1500:]}")
    result = json.loads(done.stdout)
    odd = {status: count for status, count in result["statuses"].items() if int(status) not in expect}
    if odd:
        raise UnexpectedAnswerError(f"{server.name} answered {odd}, for example:\n{result['unhappy']}")
    answered = result["answered"]
    return Run(
        answered / result["seconds"],
        result["received"] / result["seconds"] / 1e6,
        used / answered * 1e6,
        median(result["latencies"]),
    )


def get(path: str, *, authorization: str = "", accept: str = "*/*", coding: str = "identity", etag: str = "") -> bytes:
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
