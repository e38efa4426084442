"""Descriptions, rendered in a process of their own with a limit on processor time and memory.

docutils, the lexers that colour code, and sanitising have inputs, small ones too, that keep them busy for minutes; no
check of the text beforehand finds them all, and a thread can't be stopped.  This file is both sides: :func:`render` runs
it as a program, which knows nothing of Django, of settings or of the database.
"""

from __future__ import annotations

import io
import resource
import signal
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Literal

Kind = Literal["rst", "GFM", "CommonMark"]
CPU_SECONDS = 5
_MEMORY_BYTES = 1 << 30
_WALL_SECONDS = 20
_MAX_HTML_BYTES = 2_000_000
_REFUSED = 3
_AT_ONCE = 2
_turns = BoundedSemaphore(_AT_ONCE)


def render(kind: Kind, raw: str) -> str | None:
    """The HTML of ``raw``, sanitised and fitted into our page; None where its own rules refuse it or it takes too long.

    Raises ``Unavailable`` where the machine is too busy to tell.
    """
    from tpi_site.kit.errors import Unavailable  # not of the program's side

    busy = Unavailable("Too many descriptions are being rendered; try again in a minute.", code="renderer-busy")
    if not _turns.acquire(timeout=_WALL_SECONDS / 4):
        raise busy
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__)), kind, str(CPU_SECONDS)],
            input=raw.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_WALL_SECONDS,
            check=False,
            env={"LANG": "C.UTF-8"},
        )
    except (subprocess.TimeoutExpired, OSError):
        raise busy from None
    finally:
        _turns.release()
    if done.returncode == 0:
        return done.stdout.decode()
    if done.returncode in (1, _REFUSED, -signal.SIGXCPU):  # 1: what docutils or a lexer raises, memory among it
        return None
    raise busy


def main(kind: str, seconds: int) -> int:
    """Render standard input to standard output within ``seconds`` of processor time."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.path.append(str(Path(__file__).parents[2]))
    from indexapp.services import readme_html

    raw = sys.stdin.buffer.read().decode()
    html = _rst(raw) if kind == "rst" else _markdown(raw, kind)
    encoded = readme_html.fit_in(html).encode() if html else b""
    if not encoded or len(encoded) > _MAX_HTML_BYTES:
        return _REFUSED
    sys.stdout.buffer.write(encoded)
    return 0


def _rst(raw: str) -> str | None:
    from readme_renderer import rst

    return rst.render(raw, stream=io.StringIO())


def _markdown(raw: str, variant: str) -> str | None:
    from readme_renderer import markdown

    return markdown.render(raw, variant=variant)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
