"""Uploads as twine sends them: one multipart form with the file and what the client says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from tests.bench.load import head
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel

_BOUNDARY = "bench-boundary-6f1c2d"
_FRAME = 1_500  # what ZIP headers and the control files of such a wheel take
_SOURCE_LINE = "    value_{number} = compute({number!r}, scale=0.{number}, name='{number:x}')\n"


def wheels(names: Iterable[str], *, size: int, count: int, seed: int, major: int) -> Iterator[Built]:
    """``count`` distinct wheels of about ``size`` bytes, versions ``major.…`` of the named projects in turn.

    Half of the bytes are what compression leaves of source code, as in real wheels, half are already dense.
    """
    draw = Random(seed)
    projects = list(names)
    for number in range(count):
        name = projects[number % len(projects)]
        version = f"{major}.{number // len(projects)}.{seed}"
        module = name.replace("-", "_")
        source = "".join(_SOURCE_LINE.format(number=draw.randrange(10**9)) for _ in range(size // 40))
        dense = draw.randbytes(max(size * 54 // 100 - _FRAME, 16))
        files = {
            f"{module}/__init__.py": b"ANSWER = 42\n",
            f"{module}/core.py": source.encode(),
            f"{module}/_t.bin": dense,
        }
        headers = [
            ("Summary", "One of many projects"),
            ("Requires-Python", ">=3.9"),
            ("Requires-Dist", "packaging>=23"),
        ]
        yield build_wheel(name, version, files=files, headers=headers, description="A description.\n" * 20)


def request_for(built: Built, authorization: str, *, path: str = "/legacy/") -> bytes:
    """The whole request that uploads ``built``."""
    before, after = form_around(built.filename, hashlib.sha256(built.content).hexdigest())
    length = len(before) + len(built.content) + len(after)
    return upload_head(authorization, length, path=path) + before + built.content + after


def upload_head(authorization: str, length: int, *, path: str = "/legacy/") -> bytes:
    """The request line and headers of an upload of ``length`` bytes."""
    return head(
        "POST",
        path,
        {
            "Host": "127.0.0.1",
            "User-Agent": "twine/6.2.0 CPython/3.11.2",
            "Accept": "*/*",
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Content-Length": str(length),
            "Authorization": authorization,
        },
    )


def form_around(filename: str, sha256: str) -> tuple[bytes, bytes]:
    """The form's bytes before and after those of the file."""
    name, version = filename.split("-")[:2]
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.4",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "summary": "One of many projects",
        "requires_python": ">=3.9",
        "requires_dist": "packaging>=23",
        "sha256_digest": sha256,
    }
    parts = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    opening = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return (parts + opening).encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
