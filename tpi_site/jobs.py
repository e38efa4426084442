"""``python -m tpi_site.jobs``: django-q's cluster, made to end as a whole.

The cluster is five processes.  Killed one by one they would leave orphans that go on taking jobs, and a worker that
dies by a signal while it waits takes the lock of the cluster's queue with it, after which no other worker gets a job.
So each process is tied to its parent, and a violent death inside ends the cluster; the supervisor starts it afresh.

django-q stops the cluster in the signal's handler, with locks that are no use there: a second signal that comes at the same
moment, or one in the middle of the start, would wait for ever for what it interrupted.  Here a signal is only noted.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from types import FrameType

from tpi_site.follower import FollowerKeeper
from tpi_site.kit.lifeline import Lineage

log = logging.getLogger(__name__)
_LOOK_AGAIN = 1.0  # seconds
_SAY_AGAIN = 60.0  # seconds
_TICK = 0.2  # seconds


def main() -> None:
    """Run the cluster until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    import django

    django.setup()
    from django_q import cluster

    class FragileSentinel(cluster.Sentinel):  # type: ignore[misc]  # django-q is untyped
        """Gives up instead of replacing a process that was killed."""

        def reincarnate(self, process: cluster.Process) -> None:
            """Replace what was recycled or ran out of time; end for anything else."""
            timer = getattr(process, "timer", None)
            ran_out_of_time = timer is not None and timer.value == 0
            if process.exitcode is not None and process.exitcode < 0 and not ran_out_of_time:
                log.critical("A process of the job cluster was killed; the cluster starts afresh.")
                os.kill(os.getpid(), signal.SIGKILL)
            super().reincarnate(process)

    class CalmCluster(cluster.Cluster):  # type: ignore[misc]  # as above
        """Runs until a signal asks it to stop, or until it has nobody left who works."""

        is_told = False

        def sig_handler(self, signum: int, frame: FrameType | None) -> None:
            """Note it; :meth:`run` looks."""
            self.is_told = True

        def run(self) -> None:
            """Start, work, and stop with what is under way done."""
            follower = FollowerKeeper()
            self.start()
            while not self.is_told and self.sentinel.is_alive():
                follower.look()
                time.sleep(_TICK)
            follower.stop()
            self.stop()

    Lineage(signal.SIGKILL).begin()
    cluster.Sentinel = FragileSentinel
    _require_settings()
    _wait_for_migrations()
    _require_shared_secrets()
    CalmCluster().run()


def _require_settings() -> None:
    """End where a setting cannot be used, before anything is made in the place of what it names."""
    from tpi_site.settings import env

    if env.problems:
        for problem in env.problems:
            sys.stderr.write(f"{problem.variable}: {problem.sentence}\n")
        sys.exit(os.EX_CONFIG)


def _wait_for_migrations() -> None:
    """Return when the web server, which starts beside this, has brought the database up to date."""
    from django.db import OperationalError, connection

    from tpi_site.kit.pending_migrations import pending

    said_at = None
    while True:
        try:
            missing = pending().required
            if not missing:
                break
            if said_at is None or time.monotonic() - said_at >= _SAY_AGAIN:
                said_at = time.monotonic()
                log.warning(
                    "The job cluster waits for %s, the first of %s migrations that the database lacks. The web server applies "
                    "them when it starts; 'manage.py prepare' does too.",
                    missing[0],
                    len(missing),
                )
        except OperationalError as error:
            log.warning("The job cluster waits for the database: %s", error)
        time.sleep(_LOOK_AGAIN)
    connection.close()


def _require_shared_secrets() -> None:
    """End where this node's secrets are not the installation's: jobs that others have signed would be thrown away."""
    from django.db import connection

    from accounts.services import shared_secrets
    from tpi_site.kit.errors import Refusal

    try:
        shared_secrets.require_same()
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.detail}\n")
        sys.exit(os.EX_CONFIG)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
