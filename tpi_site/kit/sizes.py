"""Numbers of bytes as people read them."""

from __future__ import annotations

_KIB = 1024


def rounded(count: int) -> str:
    """``5.2 MiB``, of ``5452595`` bytes."""
    number, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < _KIB:
            break
        number, unit = number / _KIB, larger
    return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"
