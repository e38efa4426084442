"""Whether the real installers get everything that was acknowledged, with the hashes of what was sent."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.builders.core_metadata import Built
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Installer, Pip, Uv

_AT_ONCE = 200
"""Projects of one install command."""


def not_installing(
    url: str, owner: Credentials, folder: Path, everything: Sequence[Built], by_pip: Sequence[Built]
) -> list[str]:
    """What does not install from the site at ``url``: all of it by uv, and ``by_pip`` by pip; one version of each project."""
    wrong = []
    for number, (installer, batch) in enumerate([*_batches(Uv(), everything), *_batches(Pip(), by_pip)]):
        home = Home(folder / f"install-{number}")
        path = home.folder / "requirements.txt"
        path.write_text("\n".join(batch))
        options = ("--require-hashes", "--no-deps", "-r", str(path))
        outcome, found = installer.install(home, [], f"{url}/simple/", owner, *options)
        if outcome.code or len(found) != len(batch):
            wrong.append(f"{installer} installs {len(found)} of {len(batch)}: {outcome.output[-2000:]}")
        shutil.rmtree(home.folder, ignore_errors=True)
    return wrong


def _batches(installer: Installer, what: Sequence[Built]) -> list[tuple[Installer, list[str]]]:
    lines = [_requirement(built) for built in what]
    return [(installer, lines[start : start + _AT_ONCE]) for start in range(0, len(lines), _AT_ONCE)]


def _requirement(built: Built) -> str:
    name, version = built.filename.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(built.content).hexdigest()}"
