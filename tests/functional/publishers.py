"""Upload tools: each takes a built project, an upload address and credentials."""

from __future__ import annotations

import re
import shutil
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from tests.functional.client_tools import CLIENTS, Artefact, Credentials, Home, Outcome, tool


class Publisher(ABC):
    """An upload tool."""

    name: str
    shows_sentences = True
    """Whether the tool shows the server's sentence and not only the status."""
    builds_itself = False
    """Whether the tool uploads what it has built just before."""

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None) -> Outcome:
        """Upload all files of ``artefact`` to ``url``."""


class Twine(Publisher):
    """twine."""

    name = "twine"

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None) -> Outcome:
        user = ("-u", credentials.username, "-p", credentials.password) if credentials else ()
        options = ("--non-interactive", "--disable-progress-bar", "--repository-url", url)
        return home.run(tool("twine"), "upload", *options, *user, *artefact.files)


class Uv(Publisher):
    """uv publish; ``more`` are further options."""

    name = "uv"

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None, *more: str) -> Outcome:
        user = ("--username", credentials.username, "--password", credentials.password) if credentials else ()
        options = ("--no-progress", "--trusted-publishing", "never", "--publish-url", url)
        return home.run(tool("uv"), "publish", *options, *user, *more, *artefact.files)


class Poetry(Publisher):
    """poetry publish of files that were built before."""

    name = "poetry"

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None, *more: str) -> Outcome:
        folder = _source(home, artefact, "")
        settings = {"POETRY_REPOSITORIES_TPI_URL": url}
        if credentials:
            settings["POETRY_HTTP_BASIC_TPI_USERNAME"] = credentials.username
            settings["POETRY_HTTP_BASIC_TPI_PASSWORD"] = credentials.password
        return home.run(tool("poetry"), "publish", "-n", "-r", "tpi", *more, cwd=folder, more=settings)


class Pdm(Publisher):
    """pdm publish of files that were built before."""

    name = "pdm"
    shows_sentences = False

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None, *more: str) -> Outcome:
        folder = _source(home, artefact, "")
        user = ("--username", credentials.username, "--password", credentials.password) if credentials else ()
        options = ("--no-build", "--repository", url, *user, *more)
        settings = {"VIRTUAL_ENV": str(CLIENTS.parent)}  # otherwise it makes one first
        return home.run(tool("pdm"), "publish", *options, cwd=folder, more=settings)


class Hatch(Publisher):
    """hatch publish, which asks for the project's page first."""

    name = "hatch"

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None) -> Outcome:
        user = ("-u", credentials.username, "-a", credentials.password) if credentials else ()
        folder = _source(home, artefact, "")
        return home.run(tool("hatch"), "publish", "-n", "-r", url, *user, *artefact.files, cwd=folder)


class Flit(Publisher):
    """flit publish, which builds the project itself (the same bytes from the same sources)."""

    name = "flit"
    builds_itself = True

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None) -> Outcome:
        build = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
        folder = _source(home, artefact, build)
        module = folder / f"{_module(artefact.name)}.py"
        module.write_text(f'"""A tool."""\nORIGIN = {_fingerprint(artefact)!r}\n')
        settings = {"FLIT_INDEX_URL": url, "SOURCE_DATE_EPOCH": "1700000000"}
        if credentials:
            settings |= {"FLIT_USERNAME": credentials.username, "FLIT_PASSWORD": credentials.password}
        return home.run(tool("flit"), "publish", cwd=folder, more=settings)


class Distutils(Publisher):
    """``setup.py sdist upload -r`` with the distutils of Python 3.11, whose every build has other bytes."""

    name = "distutils"
    builds_itself = True

    def publish(self, home: Home, artefact: Artefact, url: str, credentials: Credentials | None) -> Outcome:
        folder = home.project(f"old-{artefact.name}", "")
        (folder / "pyproject.toml").unlink()
        (folder / "tool.py").write_text("ANSWER = 42\n")
        (folder / "setup.py").write_text(
            "from distutils.core import setup\n"
            f"setup(name={artefact.name!r}, version={artefact.version!r}, py_modules=['tool'],"
            " description='A tool', url='https://tpi.example/')\n"
        )
        given = credentials or Credentials("nobody", "nothing")
        (home.folder / ".pypirc").write_text(
            f"[distutils]\nindex-servers =\n    tpi\n\n[tpi]\nrepository: {url}\n"
            f"username: {given.username}\npassword: {given.password}\n"
        )
        settings = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"}
        command = (sys.executable, "setup.py", "sdist", "--formats=gztar", "upload", "-r", "tpi", "--show-response")
        return home.run(*command, cwd=folder, more=settings)


def _source(home: Home, artefact: Artefact, build: str) -> Path:
    """A source folder whose ``dist/`` holds the files."""
    folder = home.project(
        f"source-{artefact.name}",
        f'[project]\nname = "{artefact.name}"\nversion = "{artefact.version}"\ndescription = "A tool"\n'
        f'requires-python = ">=3.8"\n{build}',
    )
    shutil.rmtree(folder / "dist", ignore_errors=True)
    (folder / "dist").mkdir()
    for file in artefact.files:
        shutil.copy(file, folder / "dist")
    return folder


def _module(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name)


def _fingerprint(artefact: Artefact) -> str:
    """Something that differs between two builds of the same version."""
    return artefact.files[0].parent.name


PUBLISHERS: tuple[Publisher, ...] = (Twine(), Uv(), Poetry(), Pdm(), Hatch(), Flit())
OLD_PUBLISHERS: tuple[Publisher, ...] = (Distutils(),) if sys.version_info < (3, 12) else ()
