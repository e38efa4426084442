"""The runbooks of replicas, walked as they stand: each block on the site that its first line names."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.functional.promotions import PATIENCE, join_as_heir, kill_all, manage
from tests.functional.replicating import ALIKE
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.tpi import ROOT, TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_BLOCK = re.compile(r"(?:^ {7,}\S.*\n)+", re.MULTILINE)


def section(runbook: str, title: str = "") -> list[list[str]]:
    """The blocks of commands below a title, each with its head."""
    text = (ROOT / "docs/runbooks" / runbook).read_text()
    if title:
        text = re.split(r"^## ", text.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]
    blocks = [[line.strip() for line in block.splitlines()] for block in _BLOCK.findall(text)]
    assert blocks
    assert all(block[0].startswith("# ") for block in blocks)
    return blocks


class Walk:
    """Sites by the names that the runbooks give them, and the folder in which their operators are."""

    def __init__(self, folder: Path, sites: dict[str, TpiServer]) -> None:
        self.folder, self.sites = folder, sites
        self.said = ""

    def _literal(self, line: str) -> str:
        words = {"/etc/tpi": str(self.folder), "10.0.0.0/8": "127.0.0.0/8"}
        names = {"https://pkg.corp.example/": "the primary", "https://far.corp.example/": "far"}
        for address, name in names.items():
            site = self.sites.get(name) or self.sites["the replica"]
            words[address] = f"{site.url}/"
        for word, real in words.items():
            line = line.replace(word, real)
        return line

    def do(self, block: list[str]) -> str:
        """A block, to its end; what it says."""
        head, *lines = (self._literal(line) for line in block)
        name, _, end = head.removeprefix("# settings of ").removeprefix("# on ").partition(", ends with ")
        site = self.sites[name]
        said = ""
        for line in lines:
            if head.startswith("# settings of "):
                site.settings |= dict([line.split("=", 1)])
            elif line.startswith("systemctl "):
                (site.start if line == "systemctl start tpi" else site.stop)()
            else:
                said += self._run(site, line, int(end or 0))
        return said

    def _run(self, site: TpiServer, line: str, code: int) -> str:
        script = f'manage.py() {{ "{sys.executable}" "{ROOT}/manage.py" "$@"; }}\n{line}\n'
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=site.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{line}\n{done.stdout}{done.stderr}\n{site.log[-2000:]}"
        return done.stdout


def follows(primary: TpiServer, replica: TpiServer) -> None:
    """Return when all that is published is at the replica."""

    def is_there() -> bool:
        return bool(replica.inside(inside.published_here) == primary.inside(inside.published_here))

    wait_until(is_there, PATIENCE, lambda: replica.log[-3000:])
    wait_until(
        lambda: replica.inside(inside.replication_status)["missing_blobs"] == 0, PATIENCE, lambda: replica.log[-3000:]
    )


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A primary alone, and a machine on which nothing was started."""
    replica = TpiServer()
    with ExitStack() as stack, TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as primary:
        stack.callback(replica.close)
        primary.inside(inside.publish, numbers=[1, 2])
        yield Walk(tmp_path, {"the primary": primary, "the replica": replica})


def set_up(walk: Walk) -> tuple[TpiServer, TpiServer]:
    """As the runbook says."""
    for block in section("replica.md", "Set one up"):
        said = walk.do(block)
        follows_now = "verify" not in block[-1] and "status" in block[-1]
        if follows_now:
            follows(walk.sites["the primary"], walk.sites["the replica"])
    assert "equal" in said
    return walk.sites["the primary"], walk.sites["the replica"]


def replace(walk: Walk) -> None:
    """As the runbook says."""
    for block in section("replica.md", "Replace a broken one"):
        if "verify" in block[-1]:
            follows(walk.sites["the primary"], walk.sites["the replica"])
        said = walk.do(block)
    assert "equal" in said


def test_one_is_set_up_differs_and_is_replaced(walk: Walk) -> None:
    _, replica = set_up(walk)
    replica.inside(inside.spoil)
    said = [walk.do(block) for block in section("replica-differs.md")]
    assert "different" in said[0]
    replace(walk)


def test_a_primary_that_was_put_back_by_hand_gives_way_to_its_replica(walk: Walk, tmp_path: Path) -> None:
    primary, replica = set_up(walk)
    walk.sites["far"] = replica
    primary.stop()
    shutil.copytree(primary.data, tmp_path / "snapshot")
    primary.start()
    walk.do(["# on the primary", "manage.py replication appoint far --url https://far.corp.example/"])
    primary.inside(inside.publish, numbers=[3])
    follows(primary, replica)
    wait_until(
        lambda: (
            walk.do(["# on the replica", "manage.py replication status --json"]).count('"trouble": ""') == 1
            and replica.inside(inside.may_take_over)
        ),
        PATIENCE,
        lambda: replica.log[-3000:],
    )
    primary.stop()
    shutil.rmtree(primary.data)
    shutil.copytree(tmp_path / "snapshot", primary.data)
    primary.start()

    def fails() -> bool:
        return bool(replica.inside(inside.replication_status)["failure_code"] == "primary-behind")

    wait_until(fails, PATIENCE, lambda: replica.log[-3000:])
    primary.stop()
    promoting, *returning = section("primary-behind.md", "`primary-behind`")
    assert "is the primary now" in walk.do(promoting)
    for block in returning:
        begin, *words, verify = block[1:]
        walk.do([block[0], begin, *words])
        follows(replica, primary)
        assert "equal" in walk.do([block[0], verify])


def test_a_primary_that_is_restored_takes_its_replicas_along(walk: Walk, tmp_path: Path) -> None:
    primary, replica = set_up(walk)
    places = {"BACKUPS": str(tmp_path / "backups"), "KEYS": str(tmp_path / "keys")}
    primary.settings |= places
    for line in steps("backup.md"):
        walk.do(["# on the primary", line])
    primary.inside(inside.publish, numbers=[3])
    follows(primary, replica)
    primary.stop()
    shutil.rmtree(primary.data)
    for line in steps("restore.md"):
        walk.do(["# on the primary", line])
    primary.start()
    (look,) = section("primary-behind.md", "Restore a primary that has replicas")
    primary.inside(inside.publish, numbers=[4])
    follows(primary, replica)
    assert "equal" in walk.do(look)
    with closing(sqlite3.connect(replica.data / "tpi.sqlite3")) as there:
        found = there.execute("SELECT count(*) FROM accounts_auditentry WHERE action = 'replication.rebase'").fetchone()
    assert found == (1,)


def steps(runbook: str) -> list[str]:
    """The commands of a runbook that ends by itself."""
    lines = [
        line.strip()
        for block in _BLOCK.findall((ROOT / "docs/runbooks" / runbook).read_text())
        for line in block.splitlines()
    ]
    return [line for line in lines if line != "make serve" and " drill " not in line]


def test_of_two_primaries_one_goes_on(tmp_path: Path) -> None:
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as far, TpiServer(settings=ALIKE) as near:
        primary.inside(inside.publish, numbers=[1])
        for name, replica in (("far", far), ("near", near)):
            join_as_heir(primary, replica, name)
            follows(primary, replica)
            wait_until(lambda site=replica: site.inside(inside.may_take_over), PATIENCE, lambda: "It may not.")  # type: ignore[misc]
        kill_all(primary)
        for number, replica in ((2, far), (3, near)):
            manage(replica, "promote", "--primary-is-down")
            replica.inside(inside.publish, numbers=[number])
        primary.stop()
        primary.start()

        def is_fenced() -> bool:
            return "until" in manage(primary, "status")

        wait_until(is_fenced, PATIENCE, lambda: primary.log[-3000:])
        walk = Walk(tmp_path, {"the primary": primary, "far": far, "near": near})
        said = [walk.do(block) for block in section("two-primaries.md")]
        assert "only-here" in (tmp_path / "only-near.jsonl").read_text()
        assert said[-1].count("follows the new primary") == 1
        for replica in (near, primary):
            follows(far, replica)
            assert "equal" in manage(replica, "verify")


def test_the_short_way_to_set_one_up_is_that_of_the_runbook() -> None:
    text = (ROOT / "docs/replication.md").read_text().partition("## Setting one up\n")[2].partition("\n## ")[0]
    short = re.findall(r"^    (?:\$ )?(manage\.py .+|TPI_.+|systemctl .+)$", text, re.MULTILINE)
    lines = [line for block in section("replica.md", "Set one up") for line in block[1:] if not line.startswith("cp ")]
    assert sorted(short) == sorted(line for line in lines if not line.endswith("verify"))
