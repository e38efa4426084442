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

_answers: Answers = pickle.loads(Path(os.environ["BENCH_REFERENCE"]).read_bytes())
_PIECE = 256 * 1024
_FILE_PIECE = 1024 * 1024


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    if environ["REQUEST_METHOD"] == "POST":
        return _hashed(environ, start_response)
    path = environ["PATH_INFO"]
    if environ.get("HTTP_IF_NONE_MATCH"):
        path += "#304"
    status, headers, body = _answers[path]
    start_response(status, list(headers))
    if isinstance(body, str):
        return environ["wsgi.file_wrapper"](open(body, "rb"), _FILE_PIECE)  # noqa: PTH123, SIM115  closed by the server
    return (body,)


def _hashed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    digest = hashlib.sha256()
    read = environ["wsgi.input"].read
    while piece := read(_PIECE):
        digest.update(piece)
    body = digest.hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return (body,)
