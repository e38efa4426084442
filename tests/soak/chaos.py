"""Everything that may fail does, while real clients publish and install; then the books are checked.

``python -m tests.soak.chaos [--minutes 30] [--seed N]``: two nodes behind HAProxy, PostgreSQL with a standby, Redis and an S3
server.  One blow after the other falls, drawn by the seed: ``kill -9`` of nodes, web workers, job clusters, the primary
(the standby is promoted, the old primary follows it), Redis; the S3 server pauses or goes away; a node's disk fills.  After
each, every client must get on again.  At the end every acknowledged upload installs with the hash of what was sent,
``fsck --deep`` finds nothing, every job has run once, and the audit log verifies.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.functional.client_tools import Credentials
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.functional.load import Load
from tests.functional.publishers import Twine, Uv
from tests.servers import inside
from tests.servers.ceph import ACCESS_KEY, SECRET_KEY, Ceph
from tests.servers.cluster import Cluster
from tests.servers.ports import wait_until
from tests.servers.small_disk import fill
from tests.servers.tpi import ROOT
from tests.soak.installing import not_installing

LONGEST_FAILURE = 6.0
"""Seconds."""
_SIZES = (2_000, 20_000, 200_000, 1_000_000)
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "TPI_JOB_LEASE_SECONDS": "10",
    "TPI_MIN_FREE_MB": "16",
}
_EXPECTED = {200, 502, 503, 504, 507}
"""502 and 504 are HAProxy's words for a node that died with the request in its hands."""
_ROOM = 8
"""GiB of the S3 server, which are taken as they are needed; an hour of uploads has some four."""


class Site:
    """What the blows fall on; a context manager."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.blows: Counter[str] = Counter()
        self.jobs: list[str] = []
        self._ended: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="tpi-chaos-"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.ceph = stack.enter_context(Ceph(gigabytes=_ROOM))
            bucket = self.ceph.address(self.ceph.bucket(), connect_timeout="2", read_timeout="5")
            settings = _SETTINGS | {"TPI_STORAGE_URL": bucket}
            self.cluster = stack.enter_context(Cluster(settings=settings, standby=True, disk_megabytes=160))
            self.owner = Credentials(password=self.cluster.nodes[0].inside(inside.token))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def put_to_work(self, load: Load) -> None:
        """The clients that go on through all of it."""
        url, token = self.cluster.url, self.owner.password
        for number in range(3):
            load.uploads(f"upload {number}", url, token, sizes=_SIZES, pause=0.7, fresh=True)
        load.reads("read", url, "/simple/", token)
        load.publishes_and_installs(self.folder, url, self.owner, Twine(), Pip())
        load.publishes_and_installs(self.folder, url, self.owner, Uv(), UvInstall())

    def strike(self, name: str) -> None:
        """Let one blow fall and make good what an operator or a supervisor of the machine would."""
        self.blows[name] += 1
        BLOWS[name](self)

    def hold(self) -> None:
        """Let a failure last a while."""
        time.sleep(self.random.uniform(1.0, LONGEST_FAILURE))

    def enqueue_jobs(self) -> None:
        """Work for whichever job cluster lives."""
        self.jobs += self.cluster.nodes[0].inside(inside.enqueue_jobs, count=3)
        self.ended_jobs()

    def ended_jobs(self) -> set[str]:
        """Those that ended well; noted as it goes, because the installation keeps the last 500 ends of any job."""
        self._ended |= set(self.cluster.ask("SELECT id FROM django_q_task WHERE success AND func = 'math.sqrt'"))
        return self._ended


def _kill_node(site: Site) -> None:
    number = site.random.randrange(2)
    node = site.cluster.nodes[number]
    node.kill("supervisor")
    site.hold()
    node.start()
    site.cluster.proxy.wait_until(**{f"node{number}": "UP"})


def _kill_worker(site: Site) -> None:
    site.random.choice(site.cluster.nodes).kill(site.random.choice(("worker", "master")))


def _kill_jobs(site: Site) -> None:
    site.random.choice(site.cluster.nodes).kill(site.random.choice(("jobs", "job process")))


def _kill_primary(site: Site) -> None:
    site.cluster.database.crash()
    site.hold()
    site.cluster.fail_over()
    site.hold()
    site.cluster.rejoin()


def _kill_redis(site: Site) -> None:
    site.cluster.redis.stop(9)
    site.hold()
    site.cluster.redis.start()


def _pause_bucket(site: Site) -> None:
    site.ceph.pause()
    site.hold()
    site.hold()
    site.ceph.resume()


def _stop_bucket(site: Site) -> None:
    site.ceph.stop()
    site.hold()
    site.ceph.restart()


def _fill_disk(site: Site) -> None:
    ballast = fill(site.random.choice(site.cluster.nodes).data)
    site.hold()
    ballast.unlink()


BLOWS: dict[str, Callable[[Site], None]] = {
    "node": _kill_node,
    "worker": _kill_worker,
    "jobs": _kill_jobs,
    "primary": _kill_primary,
    "redis": _kill_redis,
    "bucket paused": _pause_bucket,
    "bucket gone": _stop_bucket,
    "disk full": _fill_disk,
}


def wrong_in(site: Site, load: Load) -> list[str]:
    """What must not be, after all of it."""
    wrong = [
        f"{status} was answered {count} times" for status, count in load.statuses.items() if status not in _EXPECTED
    ]
    wrong += [f"node {number} has a fault in its log: {line}" for number, line in _faults(site)]
    acknowledged = [*load.acknowledged, *load.published]
    few = site.random.sample(acknowledged, min(20, len(acknowledged)))
    wrong += not_installing(site.cluster.url, site.owner, site.folder, acknowledged, few)
    wrong += _commands(site)
    return wrong + _rows(site, load)


def _faults(site: Site) -> list[tuple[int, str]]:
    """Answers of 500: whatever a part's failure makes must be known as such."""
    return [
        (number, line[:2000])
        for number, node in enumerate(site.cluster.nodes)
        for line in node.log.splitlines()
        if " 500 " in line or "A read failed" in line
    ]


def _commands(site: Site) -> list[str]:
    wrong = []
    for words in (["fsck", "--deep"], ["verify_audit"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=site.cluster.nodes[0].environment,
            capture_output=True,
            text=True,
            check=False,
        )
        _say(f"{' '.join(words)}: {done.stdout.strip().splitlines()[-1:]}")
        if done.returncode:
            wrong.append(f"{' '.join(words)} ends with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return wrong


def _rows(site: Site, load: Load) -> list[str]:
    """One change and one audit entry for each upload, and one successful end for each job."""
    ask, wrong = site.cluster.ask, []
    wait_until(lambda: ask("SELECT count(*) FROM django_q_ormq") == ["0"], 120, lambda: "Jobs still wait.")
    doubled = "SELECT filename FROM indexapp_change WHERE kind = 'file-added' GROUP BY filename HAVING count(*) > 1"
    wrong += [f"{name} was added twice in the change log" for name in ask(doubled)]
    added = set(ask("SELECT filename FROM indexapp_change WHERE kind = 'file-added'"))
    sent = {built.filename for built in (*load.acknowledged, *load.published)}
    wrong += [f"{name} was acknowledged and is not in the change log" for name in sorted(sent - added)]
    ended = site.ended_jobs()
    return wrong + [f"job {job} is lost" for job in site.jobs if job not in ended]


def run(site: Site, blows: Sequence[str] = (), minutes: float = 0) -> list[str]:
    """Let these blows fall, or drawn ones for so long; returns what is wrong in the end."""
    until = time.monotonic() + minutes * 60
    with Load() as load:
        site.put_to_work(load)
        load.wait_for_each(1)
        left = list(blows)
        while left or time.monotonic() < until:
            name = left.pop(0) if left else site.random.choice(sorted(BLOWS))
            site.strike(name)
            load.wait_for_each(1)
            site.enqueue_jobs()
            _say(f"{name}: {len(load.acknowledged)} + {len(load.published)} acknowledged, {load.statuses}")
    for node in site.cluster.nodes:
        node.wait_until_job_cluster_runs()
    site.ended_jobs()  # before the books are checked, which takes long
    refused, fine = (sum((one.code == 0) is good for one in load.outcomes) for good in (False, True))
    _say(f"{sum(site.blows.values())} blows: {dict(site.blows)}; tools: {fine} runs succeeded, {refused} were repeated")
    return wrong_in(site, load)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--blows", nargs="*", default=[], choices=sorted(BLOWS), help="these first, in this order")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    with Site(options.seed) as site:
        wrong = run(site, options.blows, options.minutes)
    for line in wrong:
        _say(f"WRONG: {line}")
    _say(f"{len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
