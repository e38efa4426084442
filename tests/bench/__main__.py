"""``python -m tests.bench``: measure, print the table, end with 1 if a promise was not kept.

``--quick`` takes shorter runs and a smaller large installation; ``--only`` takes some of the sections.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import machine
from tests.bench.corpus import Shape
from tests.bench.effort import Effort
from tests.bench.installation import Installation, Reference
from tests.bench.keepalive import Keepalive
from tests.bench.lines import (
    encryption,
    files,
    growth,
    identity,
    keys,
    memory,
    mirrors,
    nodes,
    peer_mirrors,
    peers,
    policies,
    rights,
    starting,
    verifying,
    vulnerabilities,
)
from tests.bench.lines.pages import Pages
from tests.bench.lines.uploads import Uploads
from tests.bench.processes import ROOT
from tests.bench.table import Table
from tests.bench.upload_forms import request_for, wheels
from tests.builders.wheels import write_big_wheel

_BIG_FILE = 100_000_000


@dataclass(frozen=True)
class Scale:
    """How long and how large."""

    effort: Effort
    large: Shape
    giant: int
    synced: int
    """People of a directory."""
    people: tuple[int, int]
    """People and teams; see :mod:`tests.bench.rights`."""
    advisories: int


FULL = Scale(Effort(12, 0.5, 5), Shape(100_000, 10), 2**30, 50_000, (100_000, 5000), 20_000)
QUICK = Scale(Effort(4, 0.3, 1), Shape(10_000, 10), 2**28, 5_000, (10_000, 500), 20_000)
ORDINARY, WIDE, SMALL = Shape(1000, 10), Shape(1, 2000, "wide"), Shape(100, 10)


def reads(table: Table, scale: Scale, folder: Path) -> None:
    """Pages and files (plain ones: B and nginx send theirs from the disk too) beside B; then memory; then nginx."""
    index = Installation(folder, "reads", ORDINARY, WIDE, TPI_ENCRYPT="off")
    with index.server:
        index.server.settle()
        small, big = _publish_files(index, folder)
        reference = Reference(folder, index)
        names = [ORDINARY.name(number) for number in range(0, ORDINARY.projects, 10)]
        pages = Pages(index, reference, names, WIDE.name(0))
        downloads = files.Downloads(index, reference, small=small, big=big)
        reference.write()
        with reference.server:
            pages.measure_warm(table, scale.effort)
            downloads.measure_small(table, scale.effort)
            downloads.measure_big(table, scale.effort)
        pages.measure_cold(table)
        memory.measure_workers(table, index, "worker after all these reads")
    files.measure_handed_over(table, scale.effort, index, folder / "nginx", big)


def _publish_files(index: Installation, folder: Path) -> tuple[str, str]:
    """Upload a wheel of 10 kB and one of 100 MB; their file names."""
    (small,) = wheels([ORDINARY.name(1)], size=10_000, count=1, seed=1, major=300)
    big = write_big_wheel(folder, _BIG_FILE, name="acme-big")
    with Keepalive(index.port) as client:
        client.ask(request_for(small, index.authorization))
    index.publish(big, index.port)
    big.unlink()
    return small.filename, big.name


def uploads(table: Table, scale: Scale, folder: Path) -> None:
    """Uploads with the settings as they are shipped; then memory; then one giant wheel."""
    index = Installation(folder, "uploads", ORDINARY, pinned=False)
    reference = Reference(folder, index)
    reference.write()
    with index.server:
        index.server.settle()
        senders = Uploads(index, [ORDINARY.name(number) for number in range(40)])
        senders.measure_small(table, scale.effort)
        with reference.server:
            senders.measure_large(table, scale.effort, reference.server)
        memory.measure_workers(table, index, "worker after all these uploads")
        memory.measure_giant(table, index, folder / "giant", scale.giant)


def start(table: Table, scale: Scale, folder: Path) -> None:
    """How soon it is there."""
    starting.measure_start(table, Installation(folder, "start", ORDINARY, pinned=False), scale.effort.rounds)


def growing(table: Table, scale: Scale, folder: Path) -> None:
    """Little beside much."""
    small, large = Installation(folder, "small", SMALL), Installation(folder, "large", scale.large)
    with small.server, large.server:
        small.server.settle()
        large.server.settle()
        growth.measure_growth(table, scale.effort, growth.Side.of(small), growth.Side.of(large))
        memory.measure_workers(table, large, f"worker over {large.files:,} files")


def people(table: Table, scale: Scale, folder: Path) -> None:
    """Who asks: tokens and directory passwords beside nobody; then a directory's people kept equal."""
    from tests.servers.slapd import Slapd

    with Slapd() as slapd:
        folder.joinpath("people").mkdir(exist_ok=True)
        settings = identity.directory_settings(slapd, folder / "people")
        closed = Installation(folder, "closed", ORDINARY, **settings)
        opened = Installation(folder, "opened", ORDINARY, TPI_ANONYMOUS_READ="on")
        with closed.server, opened.server:
            closed.server.settle()
            opened.server.settle()
            identity.measure_requests(table, scale.effort, closed, opened, slapd)
        synced = Installation(folder, "synced", SMALL, **settings)
        identity.measure_sync(table, synced, slapd, scale.synced, 200)


def others(table: Table, scale: Scale, folder: Path) -> None:
    """Other servers."""
    peers.measure_peers(table, scale.effort, folder / "peers")
    peer_mirrors.measure_mirrors(table, scale.effort, folder / "peer-mirrors")


def fetching(table: Table, scale: Scale, folder: Path) -> None:
    """Mirrors beside hosted indexes, and a crowd."""
    mirrors.measure_warm(table, scale.effort, folder / "mirrors", WIDE)
    mirrors.measure_crowd(table, folder / "mirrors", 200_000_000)


def asking(table: Table, scale: Scale, folder: Path) -> None:
    """What somebody may, where few hold little and where many hold much."""
    few, many = Installation(folder, "few"), Installation(folder, "many")
    rights.measure_rights(table, few, many, scale.people, scale.effort.rounds)


def ruling(table: Table, scale: Scale, folder: Path) -> None:
    """Pages under many rules of the policy beside pages under none."""
    ruled, free = (Installation(folder, name, SMALL, WIDE) for name in ("ruled", "free"))
    ruled.inside("tests.bench.policies", str(policies.RULES))
    with ruled.server, free.server:
        ruled.server.settle()
        free.server.settle()
        policies.measure_policies(table, ruled, free, WIDE.name(0), scale.effort.rounds * 4)


def rotating(table: Table, scale: Scale, folder: Path) -> None:
    """Keys wrapped anew."""
    keys.measure_rotation(table, Installation(folder, "keys"), scale.giant // 2**14)


def knowing(table: Table, scale: Scale, folder: Path) -> None:
    """Vulnerability data taken in."""
    index = Installation(folder, "advisories")
    vulnerabilities.measure_import(table, index, folder / "archives", scale.advisories)


def comparing(table: Table, scale: Scale, folder: Path) -> None:
    """A replica held against its primary."""
    primary = Installation(folder, "verify-primary", pinned=False, **verifying.SETTINGS)
    verifying.measure_verify(table, primary, folder, scale.large)


def sealing(table: Table, scale: Scale, folder: Path) -> None:
    """Sealed bytes beside plain ones; the server has all processors, as it opens on one what it sends on another."""
    index = Installation(folder, "sealed", SMALL, pinned=False)
    wheels_of_both = encryption.Sealed(index, folder / "giants", scale.giant)
    with index.server:
        index.server.settle()
        wheels_of_both.publish_sealed()
        wheels_of_both.measure_downloads(table, scale.effort)
    plain = Installation(folder, "plain", SMALL, pinned=False, TPI_ENCRYPT="off")
    names = [SMALL.name(number) for number in range(40)]
    with index.server, plain.server:
        plain.server.settle()
        encryption.measure_uploads(table, scale.effort, Uploads(index, names), Uploads(plain, names))


def scaling(table: Table, scale: Scale, folder: Path) -> None:
    """PostgreSQL and nodes."""
    nodes.measure_postgresql(table, scale.effort, folder, SMALL, scale.large)
    nodes.measure_two_nodes(table, scale.effort, folder, SMALL)


SECTIONS: dict[str, Callable[[Table, Scale, Path], None]] = {
    "start": start,
    "reads": reads,
    "uploads": uploads,
    "growth": growing,
    "people": people,
    "rights": asking,
    "policies": ruling,
    "encryption": sealing,
    "keys": rotating,
    "vulnerabilities": knowing,
    "verify": comparing,
    "mirrors": fetching,
    "nodes": scaling,
    "peers": others,
}


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs; the ratios are rough")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    parser.add_argument("--folder", type=Path, default=ROOT / "var", help="where to put the data, for a while")
    chosen = parser.parse_args()
    scale = QUICK if chosen.quick else FULL
    chosen.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=chosen.folder.resolve()))
    table = Table(_say)
    began = time.monotonic()
    try:
        _say("\n".join([*machine.describe(folder), ""]))
        for name in chosen.only:
            _say(f"{name} (load average {machine.load()})\n")
            SECTIONS[name](table, scale, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(f"\nafter {time.monotonic() - began:.0f} s, load average {machine.load()}\n\n")
    table.print()
    return int(table.failures > 0)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
