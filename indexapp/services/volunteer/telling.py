"""What the mirror says of itself: a document for people and programs, figures for Prometheus, and a mark in the tree."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

STATUS: Final = "status.json"
METRICS: Final = "metrics.prom"
MARK: Final = ".tpi/tree.json"
"""In the tree: what whoever sends clients here looks at."""
FORMAT: Final = "tpi-tree-1"
_FIGURES: Final = {
    "serial": "Newest serial of the upstream's list that was read.",
    "projects": "Projects with a page in the tree.",
    "files": "Files in the tree.",
    "bytes": "Bytes of the files in the tree.",
    "waiting_projects": "Projects that changed and were not looked at yet.",
    "lacking_files": "Files that are wanted and not here yet.",
    "lacking_bytes": "Bytes of the files that are wanted and not here yet.",
    "over_budget_files": "Files that are not here because the budget is used up.",
    "failing": "Projects and files that could not be had when they were last asked for.",
    "requests": "Requests to the upstream in the last run.",
    "received_bytes": "Bytes of files received in the last run.",
}


@dataclass(slots=True)
class State:
    """How the mirror stands; times are ISO 8601 in UTC, empty for never.

    ``state`` is ``running``, ``idle``, ``failing`` or ``stopped``; ``failure`` says why the last run did not end well.
    """

    upstream: str
    folder: str
    state: str = "running"
    started_at: str = ""
    updated_at: str = ""
    last_success_at: str = ""
    serial: int = 0
    projects: int = 0
    files: int = 0
    bytes: int = 0
    waiting_projects: int = 0
    lacking_files: int = 0
    lacking_bytes: int = 0
    over_budget_files: int = 0
    failing: int = 0
    requests: int = 0
    received_bytes: int = 0
    written_pages: int = 0
    removed: int = 0
    unproved_files: int = 0
    failure: str = ""
    warnings: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything that is wanted, and has room, is there."""
        return not (self.failure or self.waiting_projects or self.lacking_files or self.failing)


def write(folder: Path, state: State, *, success: float, updated: float) -> None:
    """Both files, each whole or not at all; readable for all, as they hold no secret.  Times in seconds of the epoch."""
    _put(folder / STATUS, json.dumps(asdict(state), indent=1) + "\n")
    _put(folder / METRICS, _metrics(state, success=success, updated=updated))


def mark(state: State) -> bytes:
    """The mark in the tree."""
    said: Mapping[str, Any] = {
        "bytes": state.bytes,
        "checked_at": state.updated_at,
        "files": state.files,
        "format": FORMAT,
        "is_whole": state.is_whole,
        "projects": state.projects,
        "serial": state.serial,
        "upstream": state.upstream,
    }
    return json.dumps(said, sort_keys=True).encode() + b"\n"


def _metrics(state: State, *, success: float, updated: float) -> str:
    """The text form of Prometheus, as node_exporter's textfile collector reads it."""
    values: dict[str, tuple[str, float]] = {
        name: (sentence, float(getattr(state, name))) for name, sentence in _FIGURES.items()
    }
    values["last_success_timestamp_seconds"] = ("When a run last ended well.", success)
    values["updated_timestamp_seconds"] = ("When these figures were written.", updated)
    values["up"] = ("1 unless the last run failed.", float(not state.failure))
    label = json.dumps(state.upstream)
    lines = []
    for name, (sentence, value) in values.items():
        lines += [f"# HELP tpi_volunteer_{name} {sentence}", f"# TYPE tpi_volunteer_{name} gauge"]
        lines.append(f"tpi_volunteer_{name}{{upstream={label}}} {value:.15g}")
    return "\n".join(lines) + "\n"


def _put(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o644)
    os.replace(part, path)  # noqa: PTH105  atomic, and says so
