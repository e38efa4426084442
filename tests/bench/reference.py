"""Reference B: the least that a Python web server can do to give the same bytes.

A bare WSGI function.  ``BENCH_REFERENCE`` names a pickle of ``{path: (status, headers, body or file path)}``; a POST is
read to its end, hashed with SHA-256, and answered with 200.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Answers = dict[str, tuple[str, list[tuple[str, str]], bytes | str]]

_PIECE = 64 * 1024  # what Django and shutil read at once
_FILE_PIECE = 1024 * 1024


def application() -> Callable[..., Iterable[bytes]]:
    """Make the WSGI function."""
    answers: Answers = pickle.loads(Path(os.environ["BENCH_REFERENCE"]).read_bytes())

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            return _hashed(environ, start_response)
        status, headers, body = answers[environ["PATH_INFO"]]
        start_response(status, list(headers))
        if isinstance(body, str):
            return environ["wsgi.file_wrapper"](open(body, "rb"), _FILE_PIECE)  # noqa: PTH123  closed by the server
        return (body,)

    return answer


def _hashed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    digest = hashlib.sha256()
    read = environ["wsgi.input"].read
    while piece := read(_PIECE):
        digest.update(piece)
    body = digest.hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return (body,)
