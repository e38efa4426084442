"""Clients that go on and on in threads, while something happens to the installation, and what each of them was told."""

from __future__ import annotations

import http.client
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home, Outcome
from tests.functional.installers import Installer
from tests.functional.publishers import Publisher
from tests.servers.ports import wait_until
from tests.servers.wire import Reply, Session, basic

_PATIENCE = 60.0


@dataclass
class Load:
    """A context manager; every ``begin`` is one more client, which repeats its step until the block ends."""

    steps: dict[str, int] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    """All that was answered to the clients that are not tools."""
    broken: list[str] = field(default_factory=list)
    """Connections that ended without an answer."""
    outcomes: list[Outcome] = field(default_factory=list)
    """How the tools' runs ended."""
    acknowledged: list[Built] = field(default_factory=list)
    published: list[Built] = field(default_factory=list)
    """What tools have published."""
    failures: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ending, self._lock = Event(), Lock()
        self._threads: list[Thread] = []
        self._kept = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(_PATIENCE * 3)
        self._kept.close()

    def begin(self, name: str, step: Callable[[], None]) -> None:
        """Repeat ``step`` in a thread; what it raises ends it and fails whoever waits for it."""
        self.steps[name] = 0

        def repeat() -> None:
            try:
                while not self._ending.wait(0.02):
                    step()
                    self.steps[name] += 1
            except Exception as error:  # noqa: BLE001  it is raised again where somebody waits
                self.failures.append(error)

        thread = Thread(target=repeat, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait_for_each(self, rounds: int) -> None:
        """Return when every client has done so many steps more."""
        goal = {name: done + rounds for name, done in self.steps.items()}

        def is_reached() -> bool:
            for failure in self.failures:
                raise AssertionError("A client gave up.") from failure
            return all(self.steps[name] >= number for name, number in goal.items())

        wait_until(is_reached, _PATIENCE, lambda: f"{self.steps} does not come to {goal}: {self.statuses}")

    @property
    def statuses(self) -> dict[int, int]:
        """How often each was answered."""
        found = [reply.status for reply in self.replies]
        return {status: found.count(status) for status in sorted(set(found))}

    def ask(self, url: str, work: Callable[[Session], Reply], token: str) -> Reply | None:
        """One request on a connection of its own; None when it broke."""
        try:
            with Session(url, basic(token), timeout=_PATIENCE) as session:
                reply = work(session)
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.broken.append(repr(error))
            return None
        with self._lock:
            self.replies.append(reply)
        return reply

    def uploads(
        self,
        name: str,
        url: str,
        token: str,
        *,
        sizes: Sequence[int] = (20_000,),
        pause: float = 0,
        fresh: bool = False,
    ) -> None:
        """Upload one new file after the other, each again and again until it is acknowledged, all of one project.

        ``fresh``: each is of a project of its own.  ``sizes`` are drawn from.
        """
        one_project = fresh_name("load")

        def step() -> None:
            project = fresh_name("load") if fresh else one_project
            module = project.replace("-", "_")
            content = {f"{module}/x.bin": os.urandom(secrets.choice(sizes))}
            filename, body = build_wheel(project, f"1.{secrets.randbits(40)}", files=content)
            built = Built(filename, body)
            while not self._ending.is_set():
                reply = self.ask(url, lambda session: session.upload(built), token)
                if reply is not None and reply.status == 200:
                    with self._lock:
                        self.acknowledged.append(built)
                    self._ending.wait(pause)
                    return
                self._ending.wait(0.1)

        self.begin(name, step)

    def reads(self, name: str, url: str, path: str, token: str) -> None:
        """Read a page until it is there, as one step."""

        def step() -> None:
            while not self._ending.is_set():
                reply = self.ask(url, lambda session: session.get(path), token)
                if reply is not None and reply.status == 200:
                    return
                self._ending.wait(0.1)

        self.begin(name, step)

    def reads_on_one_connection(self, name: str, url: str, path: str, token: str) -> None:
        """Read a page again and again on a connection that is kept for as long as the server keeps it."""
        session = self._kept.enter_context(Session(url, basic(token), timeout=_PATIENCE))

        def step() -> None:
            reply = session.get(path)
            with self._lock:
                self.replies.append(reply)

        self.begin(name, step)

    def publishes_and_installs(
        self, folder: Path, url: str, credentials: Credentials, publisher: Publisher, installer: Installer
    ) -> None:
        """Publish a new project by one tool and install it by another; a tool that fails is run again."""
        name = f"{publisher.name} and {installer.name}"
        home = Home(folder / name.replace(" ", "-"))

        def step() -> None:
            artefact = build(home.folder, fresh_name(), kinds="wheel")
            if not self._until_it_works(lambda: publisher.publish(home, artefact, f"{url}/legacy/", credentials)):
                return
            with self._lock:
                self.published += [Built(path.name, path.read_bytes()) for path in artefact.files]
            self._until_it_works(lambda: installer.install(home, [artefact.name], f"{url}/simple/", credentials)[0])

        self.begin(name, step)

    def _until_it_works(self, run: Callable[[], Outcome]) -> bool:
        """False when the block ended before it did."""
        while not self._ending.is_set():
            outcome = run()
            with self._lock:
                self.outcomes.append(outcome)
            if outcome.code == 0:
                return True
            self._ending.wait(0.2)
        return False
