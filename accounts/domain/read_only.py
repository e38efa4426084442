"""What is written down even while nothing may be changed: who came, was refused, follows; damage, repair, backups, the mode."""

from __future__ import annotations

_GOES_ON = frozenset(
    {
        "alarm.end",
        "alarm.ring",
        "audit.export",
        "backup.drill",
        "backup.take",
        "blob.damage",
        "blob.repair",
        "database.copy",
        "factor.use-recovery-code",
        "file.recount",
        "index.export",
        "project.recount",
        "quota.recount",
        "read-only.off",
        "read-only.on",
        "replica.appoint",
        "replica.dismiss",
        "replica.invite",
        "replica.revoke",
        "replication.confirm",
        "replication.conflict",
        "replication.discard",
        "replication.export-seed",
        "replication.fence",
        "replication.fence-told",
        "replication.follow-primary",
        "replication.hold",
        "replication.join",
        "replication.leave",
        "replication.limit",
        "replication.pause",
        "replication.promote",
        "replication.rebase",
        "replication.rejoin",
        "replication.resume",
        "replication.seed",
        "replication.verify",
        "request.refuse",
        "secret.accept",
        "session.prove",
        "sign-in",
        "sign-in.password",
        "sign-out",
    }
)


def goes_on(action: str) -> bool:
    """Whether the act that the audit log calls so is done in read-only mode too."""
    return action in _GOES_ON
