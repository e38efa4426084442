"""An application with a hundred dependencies, as an upstream has them: chains, diamonds, markers, extras, older versions."""

from __future__ import annotations

from pathlib import Path

from tests.builders.wheels import build_wheel
from tests.functional.client_tools import Artefact

LIBRARIES = 110
APPLICATION = "grand-application"
OLDER = "1.0"
NEWER = "1.1"


def library(number: int) -> str:
    """The name of one of the libraries."""
    return f"grand-library-{number:03}"


def build_application(folder: Path) -> list[Artefact]:
    """The wheels of the application and of its libraries, in two versions each; the newer needs what the older did not."""
    artefacts = [_artefact(folder, APPLICATION, "1.0", [library(number) for number in range(10)])]
    for number in range(LIBRARIES):
        artefacts += [
            _artefact(folder, library(number), OLDER, []),
            _artefact(folder, library(number), NEWER, list(_needs(number))),
        ]
    return artefacts


def expected() -> dict[str, str]:
    """What an installer ends with: name to version."""
    return {APPLICATION: "1.0", **{library(number): NEWER for number in range(LIBRARIES)}}


def _needs(number: int) -> list[str]:
    """Each library leads to the one ten further on, and every third to a neighbour: every one is reached, most in two ways."""
    found = []
    if number + 10 < LIBRARIES:
        found.append(f"{library(number + 10)}>={OLDER},<2")
    if number % 3 == 0 and number + 1 < LIBRARIES:
        found.append(f'{library(number + 1)}[more]>={NEWER}; python_version >= "3.8"')
    if number % 7 == 0:
        found.append('never-published; python_version < "3.8"')
    return found


def _artefact(folder: Path, name: str, version: str, requires: list[str]) -> Artefact:
    module = name.replace("-", "_")
    headers = [
        ("Requires-Python", ">=3.8"),
        *(("Requires-Dist", text) for text in requires),
        ("Provides-Extra", "more"),
    ]
    built = build_wheel(name, version, files={f"{module}/__init__.py": f"NAME = {name!r}\n".encode()}, headers=headers)
    target = folder / built[0]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(built[1])
    return Artefact(name, version, (target,))
