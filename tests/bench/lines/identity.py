"""What it costs to know who asks, and to keep 50,000 people equal with their directory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.lines.pages import JSON
from tests.bench.load import Run, basic, drive, get, race
from tests.bench.processes import PYTHON, ROOT
from tests.bench.table import Line, Table, Target, compared
from tests.servers.directory_values import slapd_values

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

_WARM = Target(1.25, is_ceiling=True, unit=" x")
_COLD = Target(1.5, is_ceiling=True, unit=" x")
_NONE = Target(0, is_ceiling=True)
_FLAT = Target(1.3, is_ceiling=True, unit=" x")
_MINUTES = Target(5, is_ceiling=True, unit=" min")
PERSON = "alice"
COLD_TOKENS = 4500
_COLD_TURNS = 9
"""An odd number; the middle one counts, because each is short."""


def directory_settings(slapd: Slapd, folder: Path) -> dict[str, str]:
    """The environment that makes the OpenLDAP server the directory 'corp'."""
    values = slapd_values(slapd)
    certificates = folder / "ca.pem"
    certificates.write_text(values.pop("ca_certificates"))
    given = {f"TPI_LDAP_CORP_{name.upper()}": str(value) for name, value in values.items()}
    return {"TPI_LDAP": "corp", "TPI_LDAP_CORP_CA_FILE": str(certificates), **given}


def measure_requests(table: Table, effort: Effort, closed: Installation, opened: Installation, slapd: Slapd) -> None:
    """A page with credentials beside the same page of an index that asks for none, served by an equal installation."""
    names = [closed.shapes[0].name(number) for number in range(100)]
    anonymous = [get(f"/simple/{name}/", accept=JSON) for name in names]
    people = json.loads(_inside(closed, "people", group=slapd.group_dn("pkg-admins"), tokens=COLD_TOKENS))
    password = basic(PERSON, slapd.password_of(PERSON))
    for label, authorization in (("token", closed.authorization), ("directory password", password)):
        pages = [get(f"/simple/{name}/", authorization=authorization, accept=JSON) for name in names]
        drive(closed.server, pages)
        drive(opened.server, anonymous)
        _add(
            table, f"warm page with a {label}", race((closed.server, pages), (opened.server, anonymous), effort), _WARM
        )
    _measure_cold(table, closed, opened, names[0], people["tokens"])
    binds = slapd.binds(slapd.person_dn(PERSON))
    table.add(Line("binds for all these pages, beyond one a worker", str(binds), "", max(0, binds - 2), _NONE))


def _measure_cold(table: Table, closed: Installation, opened: Installation, name: str, tokens: list[str]) -> None:
    """Each token is used once, so that none is in memory; in turns with as many anonymous requests."""
    pairs = []
    share = len(tokens) // _COLD_TURNS
    plain = get(f"/simple/{name}/", accept=JSON)
    for begin in range(0, share * _COLD_TURNS, share):
        cold = [
            get(f"/simple/{name}/", authorization=basic("__token__", token), accept=JSON)
            for token in tokens[begin : begin + share]
        ]
        pairs.append((drive(closed.server, cold), drive(opened.server, [plain] * share)))
    middle = sorted(pairs, key=lambda pair: pair[0].rate / pair[1].rate)[_COLD_TURNS // 2]
    _add(table, "page with a token that was not used before", middle, _COLD)


def _add(table: Table, name: str, runs: tuple[Run, Run], target: Target) -> None:
    line = compared(name, *runs, target, whose="anonymous")
    table.add(replace(line, value=runs[1].rate / runs[0].rate))


def measure_sync(table: Table, installation: Installation, slapd: Slapd, people: int, groups: int) -> None:
    """A first sync and one that finds nothing new; memory beside a directory a tenth as large."""
    few = slapd.load(people=people // 10, groups=groups)
    mapped = [slapd.group_dn(name) for name in few.members()]
    _inside(installation, "map_groups", groups=mapped)
    small = _Sync(installation)
    slapd.load(people=people, groups=groups)
    first = _Sync(installation)
    again = _Sync(installation)
    label = f"sync of {people:,} people in {groups} groups"
    table.add(Line(label, f"{first.seconds:.0f} s", first.sentence, first.seconds / 60, _MINUTES))
    table.add(Line(f"{label}, nothing new", f"{again.seconds:.0f} s", again.sentence))
    beside = f"a tenth as many {small.peak:.0f} MB"
    table.add(Line("memory of the sync", f"{first.peak:.0f} MB at most", beside, first.peak / small.peak, _FLAT))


class _Sync:
    """One run of ``manage.py sync_directory`` in a process of its own: seconds, MB at most, and what it said."""

    def __init__(self, installation: Installation) -> None:
        began = time.monotonic()
        command = [PYTHON, "manage.py", "sync_directory", "corp", "--accept-removals"]
        with subprocess.Popen(
            command, cwd=ROOT, env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.stderr is not None
            told = process.stderr.read().decode()
        if process.returncode:
            raise RuntimeError(f"The sync failed:\n{told[-2000:]}")
        self.seconds = time.monotonic() - began
        self.peak = usage.ru_maxrss / 1024 * 1.048576
        self.sentence = said.decode().strip().splitlines()[-1]


def _inside(installation: Installation, function: str, **arguments: Any) -> str:
    """Run a function of :mod:`tests.bench.directory_people` in the installation."""
    command = [PYTHON, "-m", "tests.bench.directory_people", function, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, env=installation.environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout
