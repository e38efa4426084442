"""A volunteer's mirror as its operator has it: a configuration file, the command, and what both leave on the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from indexapp.domain.volunteer import configuration
from indexapp.services.volunteer import keeping
from indexapp.services.volunteer.keeping import Wishes
from tests.exported_tree import page_of
from tests.servers.static_index import StaticFile, StaticIndex
from tests.servers.tpi import ROOT
from tpi_site.kit.errors import Refusal

OUTSIDE = {"PATH": os.environ["PATH"], "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}
"""All that a shell needs for it; the network is that of the tests' servers."""


@dataclass
class Volunteer:
    """``extra`` are further tables of the file as TOML."""

    folder: Path
    url: str
    projects: str = "all = true"
    upstream: str = ""
    extra: str = ""
    environment: dict[str, str] = field(default_factory=lambda: dict(OUTSIDE))

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def state(self) -> Path:
        return self.folder / "tree.state"

    @property
    def file(self) -> Path:
        """The configuration, as it is now."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "mirror.toml"
        head = 'folder = "tree"\ncontact = "mirror@volunteer.example"\n'
        gentle = "retries = 1\npause_seconds = 0\n"
        path.write_text(
            f'{head}[upstream]\nurl = "{self.url}"\n{gentle}{self.upstream}\n[projects]\n{self.projects}\n{self.extra}\n'
        )
        return path

    def command(self, *words: str) -> list[str]:
        return ["volunteer_mirror", str(self.file), *words]

    def run(self, *words: str, code: int = 0, command: list[str] | None = None) -> str:
        """One run; what was printed."""
        start = command or [sys.executable, "manage.py"]
        done = subprocess.run(
            [*start, *self.command("--once", *words)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def run_here(self, *words: str, code: int = 0) -> str:
        """The same in the test's own process, where a test has many runs; its settings are those of the test."""
        said: list[str] = []
        found = configuration.read(self.file.read_text(), place=self.folder, pypi="")
        wishes = Wishes(True, "--accept-deletions" in words, "--accept-older" in words)
        try:
            outcome = int(keeping.keep(found, wishes, Event(), said.append))
        except Refusal as refusal:
            outcome = 2
            said.append(refusal.detail)
        assert outcome == code, said
        return "\n".join(said)

    def begun(self, *words: str) -> subprocess.Popen[str]:
        """The command while it runs."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *self.command(*words)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "status.json").read_text())
        return found

    def shown(self, project: str) -> set[str]:
        """The files that a page names; none where there is no page."""
        if not (self.tree / f"simple/{project}").exists():
            return set()
        return {file["filename"] for file in page_of(self.tree, project)["files"]}

    def stored(self) -> set[str]:
        """The names of all files in the tree, but for what lies beside them."""
        found = (path for path in (self.tree / "files").rglob("*") if path.is_file())
        return {path.name for path in found if path.suffix not in {".metadata", ".provenance"}}


def sdist(name: str, version: str, size: int = 1000, **said: Any) -> StaticFile:
    """A file of so many bytes, which are its own."""
    seed = f"{name} {version} ".encode()
    return StaticFile(f"{name}-{version}.tar.gz", (seed * (size // len(seed) + 1))[:size], **said)


def asked(upstream: StaticIndex) -> list[str]:
    """The paths that were asked for since this was called last."""
    found = [request.path for request in upstream.requests]
    upstream.requests.clear()
    return found
