"""Clients that change what they have published, through anything, and know in the end what must be there."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.builders.core_metadata import Built
from tests.functional.artefacts import fresh_name
from tests.functional.load import Load
from tests.servers.wire import Reply, Session, basic
from tests.soak.cargo import Cargo

_JSON = {"Content-Type": "application/json"}
_NEWEST = 30


class Over(Exception):
    """The block ended before a deed was answered."""


@dataclass
class Changing(Load):
    """See :class:`Load`."""

    deeds: Counter[str] = field(default_factory=Counter)
    present: list[Built] = field(default_factory=list)
    """What was changed and is there in the end, yanked or not."""
    absent: list[Cargo] = field(default_factory=list)
    """What was deleted and not restored."""
    wrong: list[str] = field(default_factory=list)

    def changes(self, name: str, url: str, token: str) -> None:
        """Publish a project and yank, unyank, delete and restore its release, each by a coin and until it is acknowledged."""
        numbers, dice = itertools.count(), random.Random(name)

        def step() -> None:
            cargo = Cargo(fresh_name("moved"), f"1.{next(numbers)}", 5_000)
            try:
                self._change(url, token, cargo, dice)
            except Over:
                return

        self.begin(name, step)

    def _change(self, url: str, token: str, cargo: Cargo, dice: random.Random) -> None:
        release = f"/api/v1/indexes/main/projects/{cargo.project}/releases/{cargo.version}/"
        built = cargo.build()
        self._insist(url, token, lambda session: session.upload(built))
        self.deeds["uploaded"] += 1
        for deed in ("yank", "unyank"):
            if dice.random() < 0.5:
                body = b'{"reason": "broken"}' if deed == "yank" else b"{}"
                self._insist(
                    url,
                    token,
                    lambda session, deed=deed, body=body: session.request("POST", f"{release}{deed}/", body, _JSON),
                )
                self.deeds[deed] += 1
        if dice.random() < 0.5:
            self._insist(url, token, lambda session: session.request("DELETE", release), gone_is_fine=True)
            self.deeds["delete"] += 1
            if dice.random() < 0.5:
                with self._lock:
                    self.absent.append(cargo)
                return
            self._restore(url, token, cargo)
            self.deeds["restore"] += 1
        with self._lock:
            self.present.append(built)

    def _restore(self, url: str, token: str, cargo: Cargo) -> None:
        trash = "/api/v1/indexes/main/trash/"
        found = self._insist(url, token, lambda session: session.get(f"{trash}?project={cargo.project}")).json()
        (entry,) = found["results"]
        address = f"{trash}{entry['id']}/restore/"
        self._insist(url, token, lambda session: session.request("POST", address, b"{}", _JSON), gone_is_fine=True)

    def _insist(self, url: str, token: str, work: Callable[[Session], Reply], *, gone_is_fine: bool = False) -> Reply:
        """Ask until it is acknowledged; a repetition may find that what was asked for had been done."""
        for attempt in itertools.count():
            reply = self.ask(url, work, token)
            if reply is not None and (reply.status in {200, 204} or (attempt and gone_is_fine and reply.status == 404)):
                return reply
            if self._ending.wait(0.1):
                break
        raise Over

    def fetches(self, name: str, url: str, token: str) -> None:
        """Read the page of something new and its file, if they are there; whatever comes has the hash of what was sent."""
        dice = random.Random(name)

        def step() -> None:
            built = dice.choice(self.acknowledged[-_NEWEST:]) if self.acknowledged else None
            self._ending.wait(0.1)
            if built is None:
                return
            project = built.filename.split("-")[0].replace("_", "-")
            headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
            page = self.ask(url, lambda session: session.get(f"/simple/{project}/", headers), token)
            if page is None or page.status != 200:
                return
            (file,) = page.json()["files"]
            reply = self.ask(url, lambda session: session.download(file["url"]), token)
            sent = hashlib.sha256(built.content).hexdigest()
            if reply is not None and reply.status == 200 and hashlib.sha256(reply.body).hexdigest() != sent:
                self.wrong.append(f"{built.filename} came with other bytes than were sent")

        self.begin(name, step)

    def still_shown(self, url: str, token: str) -> list[str]:
        """What was deleted and is listed nevertheless."""
        with Session(url, basic(token)) as session:
            return [
                f"{cargo.filename} was deleted and is listed"
                for cargo in self.absent
                if session.get(f"/simple/{cargo.project}/").status == 200 and session.listed(cargo.project)
            ]
