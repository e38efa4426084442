"""The real upload and install tools, each run as its users run it, in a home folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / ".venv-clients/bin"
_NOWHERE = "http://127.0.0.1:9"  # whatever a client asks of another host is refused at once
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """How a tool ended and what it printed, as one line of plain words."""

    code: int
    output: str

    @property
    def words(self) -> str:
        """The output without the line breaks and frames that tools put into long sentences."""
        return " ".join(re.sub(r"[│╭╮╰╯─┃|]", " ", self.output).split())

    def require_success(self) -> Outcome:
        """Fail with the tool's own words if it failed."""
        assert self.code == 0, self.output
        return self


@dataclass(frozen=True)
class Credentials:
    """What a user has in hand; None for each that is not given."""

    username: str = "__token__"
    password: str = ""

    def in_url(self, url: str) -> str:
        """``url`` with the credentials in it."""
        parts = urlsplit(url)
        user, password = quote(self.username, safe=""), quote(self.password, safe="")
        return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


@dataclass(frozen=True)
class Artefact:
    """A project's files, built locally, with the sources that clients want who build for themselves."""

    name: str
    version: str
    files: tuple[Path, ...]


class Home:
    """A user's machine: a home folder and an environment in which nothing but the loopback address can be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of a tool's process."""
        home = str(self.folder)
        return {
            "HOME": home,
            "PATH": f"{CLIENTS}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": home,
            "NO_COLOR": "1",
            "COLUMNS": "400",
            "HTTPS_PROXY": _NOWHERE,
            "HTTP_PROXY": _NOWHERE,
            "NO_PROXY": "127.0.0.1,10.0.0.0/8",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": f"{home}/uv-cache",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_SYSTEM_CERTS": "0",
            "POETRY_CACHE_DIR": f"{home}/poetry-cache",
            "POETRY_CONFIG_DIR": f"{home}/poetry-config",
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_KEYRING_ENABLED": "false",
            "PDM_CHECK_UPDATE": "0",
            "PDM_CACHE_DIR": f"{home}/pdm-cache",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PYTHONWARNINGS": "ignore",
            **(more or {}),
        }

    def run(
        self, *command: str | Path, cwd: Path | None = None, more: Mapping[str, str] | None = None, seconds: float = 600
    ) -> Outcome:
        """Run a tool to its end without any input."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.folder,
            env=self.environment(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
        return Outcome(done.returncode, _COLOURS.sub("", done.stdout.decode("utf-8", "replace")))

    def write_netrc(self, credentials: Credentials) -> None:
        """Keep the credentials for the loopback host where pip, uv and pdm look for them."""
        path = self.folder / ".netrc"
        path.write_text(f"machine 127.0.0.1 login {credentials.username} password {credentials.password}\n")
        path.chmod(0o600)

    def project(self, name: str, text: str) -> Path:
        """A folder with a pyproject.toml."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(text)
        return folder


def interpreter() -> str:
    """The Python that clean environments are made with."""
    return getattr(sys, "_base_executable", sys.executable)


def tool(name: str) -> Path:
    """The executable of a client."""
    path = CLIENTS / name
    assert os.access(path, os.X_OK), f"{path} is missing; run 'make install-test'"
    return path


def installed(site: Path) -> dict[str, str]:
    """The distributions below a site folder: normalised name to version."""
    found = {}
    for folder in site.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def site_packages(environment: Path) -> Path:
    """The site folder of a virtual environment."""
    return next(environment.glob("lib/python*/site-packages"))


def make_environment(folder: Path) -> Path:
    """A clean virtual environment without pip."""
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


Files = Sequence[Path]
