"""Going through all probes, each beside the others and bounded in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread

from django.db import connections

from accounts import permissions
from accounts.domain.actors import Actor
from tpi_site.kit.logs import redact
from tpi_site.services.doctor.findings import Finding, Probe, State, Verdict, failing
from tpi_site.services.doctor.probes import PROBES

_LONGEST_REASON = 300  # characters


@dataclass(frozen=True)
class Examination:
    """All findings, in the order of the probes."""

    findings: list[Finding]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing fails; warnings are no failure."""
        return all(finding.verdict.state is not State.FAILING for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """The examination as programs read it."""
        return {"healthy": self.is_healthy, "checks": [finding.as_json() for finding in self.findings]}


def examine(*, actor: Actor, probes: Sequence[Probe] = PROBES) -> Examination:
    """Look at every part from this process; what is tried out (a row, an object, a job) is taken back.

    Takes as long as the slowest probe may.  A probe that hangs, on a dead network file system for instance, is left behind in
    its thread and hides none of the others.
    """
    permissions.require_operator(actor, "examine the installation")
    running = [_Running(probe) for probe in probes]
    return Examination([each.finding() for each in running])


class _Running:
    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._verdict: Verdict | None = None
        self._began = time.monotonic()
        self._took = probe.seconds
        self._thread = Thread(target=self._run, name=f"doctor {probe.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            verdict = self._probe.run()
        except Exception as error:  # noqa: BLE001  whatever a probe meets is what it found
            verdict = _broken(error)
        finally:
            connections.close_all()
        self._took = time.monotonic() - self._began
        self._verdict = verdict

    def finding(self) -> Finding:
        """The verdict, waited for until the probe's time is up."""
        self._thread.join(max(0.0, self._began + self._probe.seconds - time.monotonic()))
        verdict, took = self._verdict, self._took
        if verdict is None:
            verdict, took = _hanging(self._probe), self._probe.seconds
        return Finding(self._probe.name, self._probe.title, verdict, took)


def _broken(error: Exception) -> Verdict:
    reason = redact(" ".join(str(error).split()))[:_LONGEST_REASON] or type(error).__name__
    return failing(f"It could not be looked at: {reason}", "See the log for what else happened at this time.")


def _hanging(probe: Probe) -> Verdict:
    return failing(f"No answer within {probe.seconds:.0f} seconds.", "See what it waits for: network, disk or a lock.")
