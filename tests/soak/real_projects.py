"""Real projects of many kinds, published by twine and uv, installed by pip, uv, poetry and pdm.

``python -m tests.soak.real_projects`` obtains them once with ``pip download``, as this machine's pip is configured, into
``var/real-projects``; starts an installation as ``make serve`` does; uses the lines that it prints; and compares the digests
of what is served with the originals.  With ``--printed FILE`` it takes the installation that is running and has printed what
the file holds, such as ``make serve > FILE`` in a fresh clone.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.functional.client_tools import ROOT, Artefact, Credentials, Home
from tests.functional.installers import INSTALLERS
from tests.functional.publishers import Publisher, Twine, Uv
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

CACHE = ROOT / "var/real-projects"

WITH_DEPENDENCIES = (
    # pure
    "requests", "flask", "click", "attrs", "six", "rich", "httpx", "django", "pytest", "tqdm", "python-dateutil", "boto3",
    # native
    "numpy", "pyyaml", "cffi", "lxml", "cryptography", "pydantic", "psutil", "greenlet", "sqlalchemy", "aiohttp", "pillow",
    # large
    "scipy", "ziglang",
    # odd names
    "ruamel.yaml", "zope.interface", "backports.tarfile", "jaraco.functools", "keyrings.alt", "flask_cors", "discord.py",
    # what others need elsewhere, or say only in their setup.py
    "colorama", "tzdata", "defusedxml",
    # what building an sdist needs
    "setuptools", "wheel",
)  # fmt: skip
SDISTS = (
    "docopt==0.6.2",  # never had a wheel
    "wget==3.2",  # a .zip
    "odfpy==1.4.1",
    "Flask-Script==2.0.6",  # capitals and a hyphen in the file name
    "sgmllib3k==1.0.0",
    "zope.interface==5.5.2",  # dots in the file name
    "ruamel.yaml==0.18.6",
    "Flask-SQLAlchemy==2.5.1",
    "backports.functools-lru-cache==1.6.6",
    "MarkupSafe==2.1.5",
)
INSTALLED = (
    *(name for name in WITH_DEPENDENCIES if name not in ("setuptools", "wheel", "colorama", "tzdata")),
    "docopt",
    "wget",
    "odfpy",
    "sgmllib3k",
)


@dataclass
class Line:
    """One file's way through the index."""

    path: Path
    sha256: str
    by: dict[str, str] = field(default_factory=dict)
    is_equal: bool = False

    @property
    def project(self) -> str:
        """The normalised name."""
        if self.path.suffix == ".whl":
            return parse_wheel_filename(self.path.name)[0]
        return canonicalize_name(parse_sdist_filename(self.path.name)[0])

    @property
    def kind(self) -> str:
        """What sort of file it is."""
        if self.path.suffix != ".whl":
            return "sdist .zip" if self.path.suffix == ".zip" else "sdist"
        return "pure wheel" if self.path.name.endswith("-none-any.whl") else "native wheel"


def obtain() -> list[Line]:
    """The files, downloaded if they are not there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    done, wanted = CACHE / "complete", "\n".join((*WITH_DEPENDENCIES, *SDISTS))
    if not done.exists() or done.read_text() != wanted:
        _download(*WITH_DEPENDENCIES, "--only-binary", ":all:")
        for requirement in SDISTS:
            _download(requirement, "--no-deps", "--no-binary", requirement.partition("==")[0])
        done.write_text(wanted)
    files = sorted(path for path in CACHE.iterdir() if path.suffix in (".whl", ".gz", ".zip"))
    return [Line(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def _download(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "-d", str(CACHE)]
    subprocess.run([*command, *words], check=True)


def printed_lines(log: str) -> tuple[str, str, str]:
    """The upload address, the token and the index address out of what the start printed."""
    publish = re.search(r"twine upload --repository-url (\S+) -u __token__ -p (\S+)", log)
    install = re.search(r"pip install --index-url https?://__token__:\S+@(\S+)", log)
    assert publish is not None
    assert install is not None
    return publish[1], publish[2], f"http://{install[1]}"


def publish(home: Home, tool: Publisher, line: Line, url: str, credentials: Credentials) -> None:
    """Upload one file and note how the tool took it."""
    outcome = tool.publish(home, Artefact(line.project, "", (line.path,)), url, credentials)
    skipped = "skipping" in outcome.words  # uv leaves out names of old that are not normalised, with exit 0
    if outcome.code == 0 and not skipped:
        line.by[tool.name] = "ok"
    else:
        line.by[tool.name] = "refused by the tool itself: " + outcome.words[-150:]


def served(session: Session, line: Line) -> bool:
    """Whether the index lists the file and serves its bytes."""
    for file in session.page(line.project)["files"]:
        if file["filename"] == line.path.name:
            reply = session.download(file["url"])
            return {hashlib.sha256(reply.body).hexdigest(), *file["hashes"].values()} == {line.sha256}
    return False


def run(printed: Path | None) -> int:
    """Do it all; returns the number of faults."""
    lines = obtain()
    if printed is not None:
        return use(lines, printed.read_text())
    with TpiServer() as server:
        return use(lines, server.log)


def use(lines: list[Line], printed: str) -> int:
    """Publish and install with the lines that the start has printed; returns the number of faults."""
    url, token, index = printed_lines(printed)
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory(prefix="tpi-real-") as folder:
        credentials = Credentials(password=token)
        tools: tuple[Publisher, Publisher] = (Twine(), Uv())
        home = Home(Path(folder) / "publisher")
        for turn in (0, 1):  # each file by both tools; who comes second repeats the upload
            for number, line in enumerate(lines):
                publish(home, tools[(number + turn) % 2], line, url, credentials)
        with Session(f"{parts.scheme}://{parts.netloc}", basic(token)) as session:
            for line in lines:
                line.is_equal = served(session, line)
        show(lines)
        return sum(not line.is_equal for line in lines) + install(Path(folder), lines, index, credentials)


def install(folder: Path, lines: list[Line], index: str, credentials: Credentials) -> int:
    """Install with each tool into a clean environment; returns how many projects are missing there."""
    faults = 0
    for installer in INSTALLERS:
        outcome, found = installer.install(Home(folder / installer.name), INSTALLED, index, credentials)
        missing = sorted({canonicalize_name(name) for name in INSTALLED} - set(found))
        faults += len(missing) + (outcome.code != 0)
        say(f"{installer.name}: exit {outcome.code}, {len(found)} projects installed, missing: {missing or 'none'}")
        if outcome.code:
            say(outcome.output[-3000:])
    return faults


def show(lines: list[Line]) -> None:
    """The table."""
    say(f"{'file':<90} {'kind':<13} {'MB':>6}  twine  uv     equal")
    for line in lines:
        size = line.path.stat().st_size / 1e6
        marks = "  ".join(f"{'ok' if line.by[name] == 'ok' else '-':<5}" for name in ("twine", "uv"))
        say(f"{line.path.name[:90]:<90} {line.kind:<13} {size:6.1f}  {marks}  {'yes' if line.is_equal else 'NO'}")
    for line in lines:
        for name, how in line.by.items():
            if how != "ok":
                say(f"{name} on {line.path.name}: {how}")
    say(
        f"{len({line.project for line in lines})} projects, {len(lines)} files, {sum(line.is_equal for line in lines)} equal"
    )


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak.real_projects")
    parser.add_argument("--printed", type=Path, help="what a running installation printed when it started")
    sys.exit(1 if run(parser.parse_args().printed) else 0)
