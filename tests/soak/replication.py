"""A primary and its replica under clients while everything may fail between and in them; then both must be equal.

``python -m tests.soak.replication [--minutes 30] [--seed N] [--reverse]``: a primary on PostgreSQL and a replica on SQLite
(``--reverse``: the other way), with a relay between them that cuts answers at random bytes.  Clients upload to both, yank,
unyank, delete and restore.  One blow after the other falls, drawn by the seed: ``kill -9`` of the whole of either, of its web
workers, job cluster and follower, and times in which most connections are cut.  At the end the replica catches up,
``replication verify --deep`` signs that both are equal, ``fsck --deep`` and ``verify_audit`` find nothing on either, and pip and
uv install everything from the replica while the primary is stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.functional.client_tools import Credentials
from tests.functional.replicating import followers
from tests.servers import inside, processes
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session, basic
from tests.soak.changing import Changing
from tests.soak.installing import not_installing

LONGEST_FAILURE = 6.0
"""Seconds."""
_SIZES = (2_000, 20_000, 200_000, 1_000_000)
_VERBS = ["read", "upload", "yank", "delete"]
_EXPECTED = {200, 204, 404, 503}
"""404 is the replica's word for what it has not heard of, and the primary's for what a repetition finds done."""
_CATCHES_UP = 240.0
"""Seconds in which the replica must have come to where the primary is, after all of it."""
_LOG = 100_000
"""Characters of a log that are shown."""
_PER_CUT = 0.6
"""The part of the answers that is cut while connections are."""


class Pair:
    """What the blows fall on; a context manager."""

    def __init__(self, seed: int, *, is_reverse: bool = False) -> None:
        self.random, self._cutting = random.Random(seed), random.Random(seed + 1)
        self.blows: Counter[str] = Counter()
        self.cuts = 0
        self._is_reverse = is_reverse
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="tpi-pair-"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            alike = {
                "TPI_TOKEN_PEPPER": secrets.token_urlsafe(48),
                "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8",
                "TPI_JOB_LEASE_SECONDS": "10",
            }
            of_postgres = alike | {"TPI_DATABASE_URL": stack.enter_context(Postgres(migrated=True)).url}
            first, second = (alike, of_postgres) if self._is_reverse else (of_postgres, alike)
            self.primary = stack.enter_context(TpiServer(settings=first))
            self.replica = stack.enter_context(TpiServer(settings=second))
            self.between = stack.enter_context(BentSite(self.primary.url))
            self.replica.inside(
                inside.join, url=self.between.url, secret=self.primary.inside(inside.invite, name="far")
            )
            self.owner = Credentials(password=self.primary.inside(inside.token, verbs=_VERBS))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def sites(self) -> dict[str, TpiServer]:
        """Both, by what they are called in sentences."""
        return {"the primary": self.primary, "the replica": self.replica}

    def put_to_work(self, load: Changing) -> None:
        """The clients that go on through all of it."""
        token = self.owner.password
        with Session(self.replica.url, basic(token)) as session:  # the token has to travel before it counts there
            wait_until(lambda: session.get("/simple/").status == 200, 90, lambda: self.replica.log[-3000:])
        load.uploads("upload", self.primary.url, token, sizes=_SIZES, pause=0.5, fresh=True)
        load.uploads("upload at the replica", self.replica.url, token, sizes=_SIZES, pause=0.5, fresh=True)
        load.changes("change", self.primary.url, token)
        load.fetches("fetch", self.replica.url, token)

    def strike(self, name: str) -> None:
        """Let one blow fall and make good what a supervisor of the machine would."""
        self.blows[name] += 1
        BLOWS[name](self)

    @contextmanager
    def telling(self, blow: str) -> Iterator[None]:
        """Whoever waits in vain says how both sites are."""
        try:
            yield
        except AssertionError:
            _say(f"after the blow '{blow}': {self.replica.inside(inside.replication_status)}")
            for name, site in self.sites.items():
                _say(f"the log of {name} ends:\n{site.log[-_LOG:]}")
            raise

    def hold(self) -> None:
        """Let a failure last a while."""
        time.sleep(self.random.uniform(1.0, LONGEST_FAILURE))

    def one(self) -> TpiServer:
        """Either of the two."""
        return self.random.choice([self.primary, self.replica])

    def cut(self, _path: str, status: int, body: bytes) -> Bent:
        """Most answers end somewhere."""
        if self._cutting.random() > _PER_CUT:
            return Bent(status, body, len(body))
        self.cuts += 1
        return Bent(status, body, self._cutting.randrange(len(body) + 1))


def _kill_site(pair: Pair) -> None:
    site = pair.one()
    site.kill("supervisor")
    pair.hold()
    site.start()


def _kill_worker(pair: Pair) -> None:
    pair.one().kill(pair.random.choice(("worker", "master")))


def _kill_jobs(pair: Pair) -> None:
    pair.one().kill(pair.random.choice(("jobs", "job process")))


def _kill_follower(pair: Pair) -> None:
    processes.kill(pair.random.choice(followers(pair.replica)))


def _cut_connections(pair: Pair) -> None:
    pair.between.bend = pair.cut
    pair.hold()
    pair.hold()
    pair.between.bend = straight


BLOWS: dict[str, Callable[[Pair], None]] = {
    "site": _kill_site,
    "worker": _kill_worker,
    "jobs": _kill_jobs,
    "follower": _kill_follower,
    "connections": _cut_connections,
}


def run(pair: Pair, blows: Sequence[str] = (), minutes: float = 0) -> list[str]:
    """Let these blows fall, or drawn ones for so long; returns what is wrong in the end."""
    until = time.monotonic() + minutes * 60
    with Changing() as load:
        pair.put_to_work(load)
        load.wait_for_each(1)
        left = list(blows)
        while left or time.monotonic() < until:
            name = left.pop(0) if left else pair.random.choice(sorted(BLOWS))
            pair.strike(name)
            with pair.telling(name):
                load.wait_for_each(1)
            _say(f"{name}: {len(load.acknowledged)} acknowledged, {dict(load.deeds)}, {load.statuses}")
    _say(f"{sum(pair.blows.values())} blows: {dict(pair.blows)}; {pair.cuts} answers were cut")
    return wrong_in(pair, load)


def wrong_in(pair: Pair, load: Changing) -> list[str]:
    """What must not be, after all of it."""
    wrong = [
        f"{status} was answered {count} times" for status, count in load.statuses.items() if status not in _EXPECTED
    ]
    wrong += load.wrong
    _catch_up(pair)
    wrong += _unequal(pair)
    for name, site in pair.sites.items():
        for words in (["fsck", "--deep"], ["verify_audit"]):
            wrong += _unless_fine(name, site, *words)
    pair.primary.stop()
    present = [*load.acknowledged, *load.present]
    began = time.monotonic()
    wrong += not_installing(pair.replica.url, pair.owner, pair.folder, present, present)
    _say(f"pip and uv: {len(present)} projects from the replica alone, in {time.monotonic() - began:.0f} s")
    wrong += load.still_shown(pair.replica.url, pair.owner.password)
    return wrong + [
        f"{name} has a fault in its log: {line[:2000]}"
        for name, site in pair.sites.items()
        for line in site.log.splitlines()
        if " 500 " in line or "A read failed" in line
    ]


def _catch_up(pair: Pair) -> None:
    """What was cut is due again later each time; nobody helps it along."""
    began = time.monotonic()

    def has() -> bool:
        found = pair.replica.inside(inside.replication_status)
        return (found["serials_behind"], found["missing_blobs"], found["failure"]) == (0, 0, "")

    def how() -> str:
        return f"The replica does not catch up: {pair.replica.inside(inside.replication_status)}\n{pair.replica.log[-3000:]}"

    wait_until(has, _CATCHES_UP, how)
    _say(f"the replica has caught up after {time.monotonic() - began:.1f} s")


def _unequal(pair: Pair) -> list[str]:
    """Equality is what the signed result says."""
    path = pair.folder / "result.json"
    wrong = _unless_fine("the replica", pair.replica, "replication", "verify", "--deep", "--json", str(path))
    wrong += _unless_fine("the replica", pair.replica, "replication", "check-result", str(path))
    if path.is_file():
        result = json.loads(path.read_text())["result"]
        if (result["verdict"], result["primary"]["root"]) != ("equal", result["replica"]["root"]):
            wrong.append(f"the result says {result['verdict']}")
        told = {name: result["replica"][name] for name in ("projects", "files")}
        _say(f"verdict {result['verdict']} at serial {result['serial']}: {told}, missing {result['missing']}")
    return wrong


def _unless_fine(name: str, site: TpiServer, *words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = " ".join(words[:3])
    _say(f"{told} on {name}: ends with {done.returncode}: {done.stdout.strip().splitlines()[-1:]}")
    if done.returncode:
        return [f"{told} on {name} ends with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}"]
    return []


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--reverse", action="store_true", help="the primary on SQLite, the replica on PostgreSQL")
    parser.add_argument("--blows", nargs="*", default=[], choices=sorted(BLOWS), help="these first, in this order")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    with Pair(options.seed, is_reverse=options.reverse) as pair:
        wrong = run(pair, options.blows, options.minutes)
    for line in wrong:
        _say(f"WRONG: {line}")
    _say(f"{len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
