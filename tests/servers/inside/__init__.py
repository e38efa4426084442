"""What tests need done inside an installation that runs in other processes, by the product's own services.

``python -m tests.servers.inside <function> <json arguments>`` prints the result as JSON.
"""

from __future__ import annotations

from typing import Any

from tests.servers.inside.contents import current_key, opening_blobs, plain_blobs, sealed_blobs, wrapped_with
from tests.servers.inside.indexes import counts, index, kept, many_files, mirror, mirrored, publish, set_status, yank
from tests.servers.inside.operating import (
    audit_entries,
    audit_sink,
    deliver_audit,
    drills,
    enqueue_a_job,
    enqueue_a_slow_job,
    enqueue_jobs,
    job_has_run,
    read_only,
    schedule_at_once,
)
from tests.servers.inside.people import (
    disable,
    grant,
    issue_to,
    map_group,
    map_groups,
    requests_of,
    revoke,
    set_password,
    sync_directories,
    team,
    token,
    user,
)
from tests.servers.inside.replication import (
    as_restored,
    delete_release,
    held_versions,
    here,
    hold,
    invite,
    join,
    let_go,
    may_take_over,
    pause_following,
    published_here,
    replicated,
    replication_status,
    scrub,
    spoil,
    want,
    want_much,
    want_nothing,
    watch_replication,
)

__all__ = [
    "as_restored",
    "audit_entries",
    "audit_sink",
    "cast",
    "counts",
    "current_key",
    "delete_release",
    "deliver_audit",
    "disable",
    "drills",
    "enqueue_a_job",
    "enqueue_a_slow_job",
    "enqueue_jobs",
    "grant",
    "held_versions",
    "here",
    "hold",
    "index",
    "invite",
    "issue_to",
    "job_has_run",
    "join",
    "kept",
    "let_go",
    "many_files",
    "map_group",
    "map_groups",
    "may_take_over",
    "mirror",
    "mirrored",
    "opening_blobs",
    "pause_following",
    "plain_blobs",
    "publish",
    "published_here",
    "read_only",
    "replicated",
    "replication_status",
    "requests_of",
    "revoke",
    "schedule_at_once",
    "scrub",
    "sealed_blobs",
    "set_password",
    "set_status",
    "several",
    "spoil",
    "sync_directories",
    "team",
    "token",
    "user",
    "want",
    "want_much",
    "want_nothing",
    "watch_replication",
    "wrapped_with",
    "yank",
]


def several(works: list[tuple[str, dict[str, Any]]]) -> None:
    """Some of these functions one after the other, in one process."""
    for name, arguments in works:
        globals()[name](**arguments)


def cast() -> dict[str, str]:
    """Tokens of those who appear in the functional tests, and the indexes they use: ``second``, and ``both`` as a group."""
    index("second")
    index("both", kind="group", members=["main", "second"])
    user("outsider", "a long enough password")
    return {
        "owner": token(),
        "reader": token(verbs=["read"]),
        "outsider": token("outsider"),
    }
