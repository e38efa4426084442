"""reStructuredText, rendered in a process of its own with a limit on processor time and memory.

docutils has inputs, small ones too, that keep it busy for minutes; no check of the text beforehand finds them all, and a
thread can't be stopped.  This file is both sides: :func:`render` runs it as a program, which knows nothing of Django, of
settings or of the database.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

CPU_SECONDS = 5
_MEMORY_BYTES = 1 << 30
_WALL_SECONDS = 20
_MAX_HTML_BYTES = 2_000_000
_AT_ONCE = 2
_turns = BoundedSemaphore(_AT_ONCE)


def render(raw: str) -> str | None:
    """The sanitised HTML of ``raw``; None where its own rules refuse it or it takes too long.

    Raises ``Unavailable`` where others' texts keep both places busy.
    """
    from tpi_site.kit.errors import Unavailable  # not of the program's side

    if not _turns.acquire(timeout=_WALL_SECONDS / 4):
        raise Unavailable("Too many descriptions are being rendered; try again in a minute.", code="renderer-busy")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__)), str(CPU_SECONDS)],
            input=raw.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_WALL_SECONDS,
            check=False,
            env={"LANG": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        _turns.release()
    return done.stdout.decode() if done.returncode == 0 else None


def main() -> int:
    """Render standard input to standard output within the seconds given; 1 says that the text is refused."""
    import resource

    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from readme_renderer import rst

    html = rst.render(sys.stdin.buffer.read().decode(), stream=io.StringIO())
    encoded = (html or "").encode()
    if html is None or len(encoded) > _MAX_HTML_BYTES:
        return 1
    sys.stdout.buffer.write(encoded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
