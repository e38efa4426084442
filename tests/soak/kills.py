"""Random ``kill -9`` of the installation's processes while uploads run; then the books are checked.

``python -m tests.soak.kills [--kills 200] [--clients 4] [--seed N]``: every acknowledged upload must be there with its own
bytes, nothing may be half there, every upload must succeed when it is repeated, and nothing else may be left.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import random
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.servers import inside, processes
from tests.servers.ports import status_of
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic, form_body, upload_fields
from tests.soak.books import check_books
from tests.soak.cargo import Cargo
from tests.soak.traffic import is_fault

_PROJECTS = 12
_SIZES = (1_000, 30_000, 300_000, 2_000_000)
_PIECE = 32 * 1024


@dataclass
class Uploads:
    """What the clients have sent so far and how it was answered."""

    acknowledged: list[Cargo] = field(default_factory=list)
    unsure: list[Cargo] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begun(self, change: int) -> None:
        """Count an upload in or out."""
        with self.lock:
            self.in_flight += change


class Client(threading.Thread):
    """Uploads one wheel after the other, piece by piece, until it is told to stop."""

    def __init__(self, server: TpiServer, token: str, uploads: Uploads, number: int, seed: int) -> None:
        super().__init__(name=f"client {number}")
        self.server, self.token, self.uploads = server, token, uploads
        self.number = number
        self.random = random.Random(seed * 1000 + number)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Upload."""
        for serial in itertools.count():
            project = f"cargo-{self.random.randrange(_PROJECTS)}"
            cargo = Cargo(project, f"{self.number}.{serial}", self.random.choice(_SIZES))
            with Session(self.server.url, basic(self.token), timeout=30) as session:
                if not self._connect(session):
                    return
                self._send(session, cargo)

    def _connect(self, session: Session) -> bool:
        """Wait for somebody to listen; False when it is time to stop."""
        while not self.stopping.is_set():
            with suppress(OSError):
                session.connection.connect()
                return True
            self.stopping.wait(0.05)
        return False

    def _send(self, session: Session, cargo: Cargo) -> None:
        built = cargo.build()
        body, content_type = form_body(upload_fields(built), built)
        self.uploads.begun(+1)
        try:
            status, reason = self._post(session, body, content_type)
        except (OSError, http.client.HTTPException):
            self.uploads.unsure.append(cargo)
            return
        finally:
            self.uploads.begun(-1)
        if status == 200:
            self.uploads.acknowledged.append(cargo)
        else:
            self.uploads.unsure.append(cargo)
            self.uploads.strange.append(f"{cargo.filename}: {status} {reason}")

    def _post(self, session: Session, body: bytes, content_type: str) -> tuple[int, str]:
        connection = session.connection
        connection.putrequest("POST", "/legacy/")
        headers = {**session.headers, "Content-Type": content_type, "Content-Length": str(len(body))}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        for start in range(0, len(body), _PIECE):
            connection.send(body[start : start + _PIECE])
            if self.random.random() < 0.2:
                time.sleep(self.random.random() * 0.02)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.reason


@dataclass
class Killer:
    """Ends processes and brings the installation back where nobody else does."""

    server: TpiServer
    uploads: Uploads
    random: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    slowest: float = 0.0

    def strike(self) -> None:
        """Wait for an upload to be under way, then kill a random process at a random moment."""
        while not self.uploads.in_flight:
            time.sleep(0.001)
        time.sleep(self.random.random() * 0.3)
        members = self.server.members()
        self.seen |= {member.pid for member in members}
        role = self.random.choice(sorted({member.role for member in members}))
        victim = self.random.choice([member for member in members if member.role == role])
        self.server.kill_member(victim)
        self.killed[role] += 1
        if role == "supervisor":
            self.server.start_without_waiting()
        if self.random.random() < 0.8:  # otherwise the next blow falls on an installation that is just starting
            self.recover()

    def recover(self) -> None:
        """Wait until the installation answers again."""
        began = time.monotonic()
        self.server.wait_until_whole()
        self.slowest = max(self.slowest, time.monotonic() - began)


def run(kills: int, clients: int, seed: int) -> list[str]:
    """Do it all and print the account; returns what is wrong."""
    with TpiServer() as server:
        token = server.inside(inside.token)
        uploads = Uploads()
        crew = [Client(server, token, uploads, number, seed) for number in range(clients)]
        killer = Killer(server, uploads, random.Random(seed))
        for client in crew:
            client.start()
        try:
            for number in range(1, kills + 1):
                killer.strike()
                if number % 20 == 0:
                    _say(f"{number} kills, {len(uploads.acknowledged)} acknowledged, {len(uploads.unsure)} broken off")
        finally:
            for client in crew:
                client.stopping.set()
            for client in crew:
                client.join()
        killer.recover()
        wrong = [f"strange answer: {line}" for line in uploads.strange]
        wrong += [f"log: {line[:3000]}" for line in server.log.splitlines() if uploads.strange and is_fault(line)]
        wrong += check_books(server, token, uploads.acknowledged, uploads.unsure)
        wrong += _ended(server, killer)
    _account(kills, uploads, killer, wrong)
    return wrong


def _ended(server: TpiServer, killer: Killer) -> list[str]:
    """Stop, and see whether any process that there ever was lives on."""
    killer.seen |= {member.pid for member in server.members()}
    wrong = [] if server.stop() == 0 else ["the supervisor ended with an error"]
    wrong += [f"process {pid} lives on" for pid in sorted(killer.seen) if processes.is_running(pid)]
    if status_of(server.port, "/livez") is not None:
        wrong.append("somebody still answers on the port")
    return wrong + [f"half-received file {name} was left" for name in sorted(server.incoming())]


def _account(kills: int, uploads: Uploads, killer: Killer, wrong: list[str]) -> None:
    roles = ", ".join(f"{role} {number}" for role, number in sorted(killer.killed.items()))
    _say(f"{kills} kills: {roles}; slowest return {killer.slowest:.1f} s")
    _say(
        f"{len(uploads.acknowledged)} uploads acknowledged, {len(uploads.unsure)} broken off; all repeated with success"
    )
    for line in wrong:
        _say(f"WRONG: {line}")
    _say(f"{len(wrong)} faults")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    return 1 if run(options.kills, options.clients, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
