"""Names of rows that become parts of paths and addresses: what a primary sends must not lead out of a folder here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Model

from indexapp.models import File, Index, Project

_NAMES: Final[dict[type[Model], str]] = {Index: "name", Project: "normalized_name", File: "filename"}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")


def require(model: type[Model], row: Mapping[str, Any]) -> None:
    """Raise ValueError for a row that no site of ours has."""
    if model in _NAMES:
        name = row[_NAMES[model]]
        if not isinstance(name, str) or name in {"", ".", ".."} or "/" in name or not name.isprintable():
            raise ValueError(f"{_NAMES[model]} is no name: {name!a:.100}")
    if model is File and not (isinstance(row["sha256"], str) and _DIGEST.match(row["sha256"])):
        raise ValueError(f"sha256 is no digest: {row['sha256']!a:.100}")
