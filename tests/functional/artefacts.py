"""Projects to publish: real wheels and sdists under names that no other test uses."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.functional.client_tools import Artefact


def fresh_name(stem: str = "acme") -> str:
    """A project name that is used once."""
    return f"{stem}-{secrets.token_hex(5)}"


def build(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Iterable[str] = (),
    requires_python: str = ">=3.8",
    content: bytes = b"ANSWER = 42\n",
    kinds: str = "wheel sdist",
    padding: bytes = b"",
) -> Artefact:
    """Build the project's files into a new folder below ``folder``; ``content`` makes other bytes of the same version."""
    module = name.replace("-", "_").lower()
    headers = [("Requires-Python", requires_python), *(("Requires-Dist", text) for text in requires)]
    files = {f"{module}/__init__.py": content}
    if padding:
        files[f"{module}/padding.bin"] = padding
    built = []
    if "wheel" in kinds:
        built.append(build_wheel(name, version, files=files, headers=headers))
    if "sdist" in kinds:
        built.append(build_sdist(name, version, files=files, headers=headers))
    target = folder / f"built-{secrets.token_hex(4)}"
    target.mkdir(parents=True)
    for filename, body in built:
        (target / filename).write_bytes(body)
    return Artefact(name, version, tuple(target / filename for filename, _ in built))
