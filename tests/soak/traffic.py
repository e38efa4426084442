"""Many clients at once on SQLite: half of them publish, half install; nobody may see a fault.

``python -m tests.soak.traffic [--seconds 120] [--clients 16]`` runs so many of each kind.  Some are the real tools, the
others a light client that asks what the tools ask.  At the end the installation is told to stop in the middle of it, and must
finish the requests that it had begun.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.builders.core_metadata import Built
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Twine
from tests.functional.publishers import Uv as UvPublisher
from tests.servers import inside
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic, form_body, upload_fields
from tests.soak.cargo import Cargo

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_PROJECTS = 40
_PERCENTILES = (50, 90, 99, 100)


@dataclass
class Account:
    """What happened: latencies by operation, and every answer that should not have been."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    published: list[Cargo] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, operation: str, seconds: float) -> None:
        """An operation that ended well."""
        with self.lock:
            self.seconds.setdefault(operation, []).append(seconds)

    def blame(self, sentence: str) -> None:
        """Something that should not have been."""
        with self.lock:
            self.wrong.append(sentence)


class Worker(threading.Thread):
    """One client; :meth:`turn` is what it does over and over until the traffic ends."""

    def __init__(self, scene: Scene, number: int) -> None:
        super().__init__(daemon=True)
        self.scene, self.number = scene, number
        self.random = random.Random(number)
        self.serials = itertools.count()
        self.began = 0.0

    def run(self) -> None:
        """Take turns; what was begun after the end may fail."""
        while not self.scene.ending.is_set():
            try:
                self.turn()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                if self.began < self.scene.ended_at:
                    self.scene.account.blame(f"{type(self).__name__}: {error!r}"[:500])

    def begin(self) -> None:
        """A request begins."""
        self.began = time.monotonic()

    def end(self, operation: str) -> None:
        """It has ended well."""
        self.scene.account.note(operation, time.monotonic() - self.began)

    @abstractmethod
    def turn(self) -> None:
        """Do it once."""

    def cargo(self) -> Cargo:
        """Something new to publish."""
        project = f"traffic-{self.random.randrange(_PROJECTS)}"
        return Cargo(project, f"{self.number}.{next(self.serials)}", self.random.choice(_SIZES))


@dataclass
class Scene:
    """The installation, the clients' credentials and the account that they keep together."""

    server: TpiServer
    token: str
    folder: Path
    account: Account = field(default_factory=Account)
    ending: threading.Event = field(default_factory=threading.Event)
    ended_at: float = float("inf")

    def end(self) -> None:
        """No client begins anything any more; whoever has just begun gets the time to connect."""
        self.ended_at = time.monotonic()
        self.ending.set()
        time.sleep(0.3)

    def session(self) -> Session:
        """A new connection with credentials."""
        return Session(self.server.url, basic(self.token))


class LightUploader(Worker):
    """Publishes one file per connection, as upload tools do."""

    def turn(self) -> None:
        """Publish one file."""
        cargo = self.cargo()
        built = cargo.build()
        self.begin()
        with self.scene.session() as session:
            reply = session.upload(built)
        if reply.status != 200:
            self.scene.account.blame(f"upload: {reply.status} {reply.reason}")
            return
        self.end("upload")
        self.scene.account.published.append(cargo)


class LightInstaller(Worker):
    """Reads a page, a metadata file and a file, as installers do, on a kept connection."""

    def turn(self) -> None:
        """Install a few files."""
        with self.scene.session() as session:
            for _ in range(10):
                if self.scene.ending.is_set():
                    return
                self._install(session)

    def _install(self, session: Session) -> None:
        published = self.scene.account.published
        if not published:
            time.sleep(0.05)
            return
        cargo = self.random.choice(published[-50:])
        self.begin()
        files = {file["filename"]: file for file in session.page(cargo.project)["files"]}
        self.end("page")
        if cargo.filename not in files:
            self.scene.account.blame(f"{cargo.filename} was acknowledged and is not on its page")
            return
        file = files[cargo.filename]
        self._fetch(session, f"{file['url']}.metadata", file["core-metadata"]["sha256"], "metadata")
        self._fetch(session, file["url"], cargo.sha256, "file")

    def _fetch(self, session: Session, url: str, sha256: str, operation: str) -> None:
        self.begin()
        reply = session.download(url)
        if reply.status != 200 or hashlib.sha256(reply.body).hexdigest() != sha256:
            self.scene.account.blame(f"{operation}: {reply.status} {reply.reason} or other bytes")
            return
        self.end(operation)


class ToolUploader(Worker):
    """twine or uv."""

    def turn(self) -> None:
        """Publish one file."""
        cargo = self.cargo()
        home = Home(self.scene.folder / f"uploader-{self.number}")
        path = home.folder / cargo.filename
        path.write_bytes(cargo.build().content)
        tool = Twine() if self.number % 2 else UvPublisher()
        artefact = Artefact(cargo.project, cargo.version, (path,))
        self.begin()
        outcome = tool.publish(
            home, artefact, f"{self.scene.server.url}/legacy/", Credentials(password=self.scene.token)
        )
        path.unlink()
        if self.scene.ending.is_set():
            return
        if outcome.code:
            self.scene.account.blame(f"{tool.name}: {outcome.words[-400:]}")
            return
        self.end(tool.name + " publish")
        self.scene.account.published.append(cargo)


class ToolInstaller(Worker):
    """pip or uv, into a new folder each time."""

    def turn(self) -> None:
        """Install one project."""
        published = self.scene.account.published
        if not published:
            time.sleep(0.1)
            return
        cargo = self.random.choice(published)
        tool = Pip() if self.number % 2 else UvInstaller()
        self.begin()
        with tempfile.TemporaryDirectory(dir=self.scene.folder) as folder:
            index = f"{self.scene.server.url}/simple/"
            wanted = [f"{cargo.project}=={cargo.version}"]
            outcome, found = tool.install(Home(Path(folder)), wanted, index, Credentials(password=self.scene.token))
        if self.scene.ending.is_set():
            return
        if found != {cargo.project: cargo.version}:
            self.scene.account.blame(f"{tool.name}: {outcome.words[-400:]}")
            return
        self.end(tool.name + " install")


class LastWord(threading.Thread):
    """An upload whose second half is sent only after the installation was told to stop."""

    def __init__(self, scene: Scene, number: int) -> None:
        super().__init__()
        self.scene = scene
        self.built = Cargo(f"last-word-{number}", "1.0", 400_000).build()
        self.half_sent, self.told = threading.Event(), threading.Event()
        self.status = 0

    def run(self) -> None:
        """Send one half, wait, send the other."""
        with self.scene.session() as session:
            send_in_halves(session, self.built, self.half_sent, self.told)
            answer = session.connection.getresponse()
            answer.read()
            self.status = answer.status


def send_in_halves(session: Session, built: Built, half_sent: threading.Event, told: threading.Event) -> None:
    """Send an upload's first half, set ``half_sent``, wait for ``told`` and send the rest."""
    body, content_type = form_body(upload_fields(built), built)
    headers = {**session.headers, "Content-Type": content_type, "Content-Length": str(len(body))}
    session.connection.putrequest("POST", "/legacy/")
    for name, value in headers.items():
        session.connection.putheader(name, value)
    session.connection.endheaders(body[: len(body) // 2])
    half_sent.set()
    told.wait()
    session.connection.send(body[len(body) // 2 :])


def crew(scene: Scene, clients: int, tools: int) -> list[Worker]:
    """So many of each kind, of which ``tools`` are the real tools."""
    workers: list[Worker] = []
    for number in range(clients):
        workers.append((ToolUploader if number < tools else LightUploader)(scene, number))
        workers.append((ToolInstaller if number < tools else LightInstaller)(scene, number))
    return workers


def run(seconds: float, clients: int, tools: int) -> list[str]:
    """Do it all and print the account; returns what is wrong."""
    with TpiServer() as server, tempfile.TemporaryDirectory(prefix="tpi-traffic-") as folder:
        scene = Scene(server, server.inside(inside.token), Path(folder))
        workers = crew(scene, clients, tools)
        last_words = [LastWord(scene, number) for number in range(4)]
        for thread in workers:
            thread.start()
        time.sleep(seconds)
        for last in last_words:
            last.start()
            last.half_sent.wait()
        scene.end()
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        time.sleep(0.5)
        for last in last_words:
            last.told.set()
        for thread in (*last_words, *workers, stopper):
            thread.join()
        wrong = scene.account.wrong + [
            f"an upload under way at the stop was answered {last.status}" for last in last_words if last.status != 200
        ]
        wrong += [f"log: {line[:500]}" for line in server.log.splitlines() if is_fault(line)]
    show(scene.account, seconds)
    for line, number in Counter(wrong).most_common(20):
        say(f"WRONG ({number} times): {line}")
    say(f"{len(wrong)} faults")
    return wrong


def is_fault(line: str) -> bool:
    """Whether a line of the log tells of one."""
    return "locked" in line or '"level": "error"' in line or "Traceback" in line


def show(account: Account, seconds: float) -> None:
    """The table."""
    say(f"{'operation':<14} {'number':>7} {'a second':>9}" + "".join(f"{f'p{part} ms':>10}" for part in _PERCENTILES))
    for operation, taken in sorted(account.seconds.items()):
        taken.sort()
        cells = "".join(f"{taken[min(len(taken) - 1, len(taken) * part // 100)] * 1000:10.0f}" for part in _PERCENTILES)
        say(f"{operation:<14} {len(taken):7} {len(taken) / seconds:9.1f}{cells}")


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--tools", type=int, default=2)
    options = parser.parse_args()
    return 1 if run(options.seconds, options.clients, options.tools) else 0


if __name__ == "__main__":
    sys.exit(main())
