"""Install tools: each takes requirements, the address of the only index and credentials, and fills a clean environment."""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.functional.client_tools import (
    Credentials,
    Home,
    Outcome,
    installed,
    interpreter,
    make_environment,
    site_packages,
    tool,
)

_PYTHON = f"=={sys.version_info.major}.{sys.version_info.minor}.*"  # so that nothing is asked for that others need

_PATIENCE = 1200


class Installer(ABC):
    """An install tool."""

    name: str

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def install(
        self, home: Home, requirements: Sequence[str], index: str, credentials: Credentials | None, *more: str
    ) -> tuple[Outcome, dict[str, str]]:
        """Install from ``index`` (a ``…/simple/`` address) alone; the outcome and what is there now."""


class Pip(Installer):
    """pip, into a folder; credentials in the address."""

    name = "pip"

    def install(
        self, home: Home, requirements: Sequence[str], index: str, credentials: Credentials | None, *more: str
    ) -> tuple[Outcome, dict[str, str]]:
        url = credentials.in_url(index) if credentials else index
        target = home.folder / "pip-target"
        options = ("--no-cache-dir", "--index-url", url, "--target", str(target))
        outcome = home.run(tool("pip"), "install", *options, *more, *requirements, seconds=_PATIENCE)
        return outcome, installed(target)


class Uv(Installer):
    """uv pip, into a folder; credentials in the address."""

    name = "uv"

    def install(
        self, home: Home, requirements: Sequence[str], index: str, credentials: Credentials | None, *more: str
    ) -> tuple[Outcome, dict[str, str]]:
        url = credentials.in_url(index) if credentials else index
        target = home.folder / "uv-target"
        options = ("--no-progress", "--python", interpreter(), "--default-index", url, "--target", str(target))
        outcome = home.run(tool("uv"), "pip", "install", *options, *more, *requirements, seconds=_PATIENCE)
        return outcome, installed(target)


class Poetry(Installer):
    """poetry, with the index as the primary source."""

    name = "poetry"

    def install(
        self, home: Home, requirements: Sequence[str], index: str, credentials: Credentials | None, *more: str
    ) -> tuple[Outcome, dict[str, str]]:
        folder = home.project(
            "poetry-user",
            f'[project]\nname = "user"\nversion = "0"\nrequires-python = "{_PYTHON}"\n'
            f"dependencies = {_listed(requirements)}\n[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "tpi"\nurl = "{index}"\npriority = "primary"\n',
        )
        outcome = home.run(
            tool("poetry"), "install", "-n", *more, cwd=folder, more=self.credentials(credentials), seconds=_PATIENCE
        )
        return outcome, _found(folder / ".venv")

    @staticmethod
    def credentials(credentials: Credentials | None) -> Mapping[str, str]:
        """How poetry is told who its user is."""
        if credentials is None:
            return {}
        return {
            "POETRY_HTTP_BASIC_TPI_USERNAME": credentials.username,
            "POETRY_HTTP_BASIC_TPI_PASSWORD": credentials.password,
        }


class Pdm(Installer):
    """pdm, with the index in place of its default source."""

    name = "pdm"

    def install(
        self, home: Home, requirements: Sequence[str], index: str, credentials: Credentials | None, *more: str
    ) -> tuple[Outcome, dict[str, str]]:
        url = credentials.in_url(index) if credentials else index
        folder = home.project(
            "pdm-user",
            f'[project]\nname = "user"\nversion = "0"\nrequires-python = "{_PYTHON}"\n'
            f"dependencies = {_listed(requirements)}\n[tool.pdm]\ndistribution = false\n"
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{url}"\nverify_ssl = true\n',
        )
        shutil.rmtree(folder / ".venv", ignore_errors=True)
        make_environment(folder / ".venv")
        outcome = home.run(tool("pdm"), "install", "--no-self", *more, cwd=folder, seconds=_PATIENCE)
        return outcome, _found(folder / ".venv")


def _listed(requirements: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{one}"' for one in requirements) + "]"


def _found(environment: Path) -> dict[str, str]:
    return installed(site_packages(environment)) if environment.is_dir() else {}


INSTALLERS: tuple[Installer, ...] = (Pip(), Uv(), Poetry(), Pdm())
