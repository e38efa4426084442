"""The addresses of the REST API but those of directories."""

from __future__ import annotations

from tests.access.matrix.who import (
    ADMINISTRATOR,
    ADMINS,
    EVERYBODY,
    FILE,
    GROUP,
    INDEX,
    MAINTAINERS,
    OF_INDEX,
    OF_TEAM,
    OPERATES,
    OUTSIDE,
    PROJECT,
    READERS,
    RELEASE,
    SECURES,
    SEES_ALL,
    SIGNED_IN,
    UPLOADERS,
    WATCHERS,
    Row,
    reads,
)

_REASON = {"reason": "a test"}


def rest() -> dict[str, Row]:
    rows = {
        "api:root": reads(EVERYBODY),
        "api:schema": reads(EVERYBODY),
        "api:docs": reads(EVERYBODY),
        "api:users": Row(
            {"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"username": "new", "password": "pine-cone-42"})}
        ),
        "api:user": Row(
            {
                "GET": (SEES_ALL, None),
                "PATCH": (ADMINISTRATOR, {"email": "a@tpi.example"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"username": "bystander"},
        ),
        "api:user-password": Row(
            {"POST": (ADMINISTRATOR, {"password": "pine-cone-42"})}, {"username": "bystander"}, by_password=True
        ),
        "api:user-sessions": Row({"DELETE": (ADMINISTRATOR, None)}, {"username": "bystander"}),
        "api:teams": Row({"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"name": "new"})}),
        "api:team": Row(
            {
                "GET": (OF_TEAM, None),
                "PATCH": (ADMINS, {"title": "Tools"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"team": "tools"},
            answers={"DELETE": 409},  # it has a service account
        ),
        "api:members": Row(
            {"GET": (OF_TEAM, None), "POST": (ADMINS, {"user": "bystander", "role": "member"})},
            {"team": "tools"},
        ),
        "api:member": Row(
            {
                "GET": (OF_TEAM, None),
                "PATCH": (ADMINS, {"role": "maintainer"}),
                "DELETE": (ADMINS | {"member"}, None),
            },
            {"team": "tools", "username": "member"},
        ),
        "api:service-accounts": Row({"GET": (OF_TEAM, None), "POST": (ADMINS, {"name": "svc-new"})}, {"team": "tools"}),
        "api:service-account": Row(
            {"GET": (OF_TEAM, None), "PATCH": (ADMINS, {"is_active": False}), "DELETE": (ADMINS, None)},
            {"team": "tools", "username": "svc-build"},
        ),
        # A token of another person is nobody's to rotate, since its text would be in the answer.
        "api:token-rotate": Row({"POST": (frozenset(), {})}, {"id": "{token}"}, denied=404),
        "api:token-leaks": Row({"POST": (EVERYBODY, {"tokens": ["tpi_x"]})}),
        "api:tokens": Row({"GET": (SIGNED_IN, None), "POST": (SIGNED_IN, {"name": "t", "verbs": ["read"]})}),
        "api:token": Row({"GET": (SEES_ALL, None), "DELETE": (SECURES, None)}, {"id": "{token}"}, denied=404),
        "api:read-only": Row(
            {"GET": (WATCHERS, None), "PUT": (OPERATES, {"reason": "a test"}), "DELETE": (OPERATES, None)}
        ),
        "api:encryption": reads(SEES_ALL),
        # No place for backups is set.
        "api:replication-standing": reads(WATCHERS),
        "api:replication-wanted": reads(WATCHERS),
        "api:replication-replicas": Row({"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, {"name": "further"})}),
        "api:replication-replica": Row({"GET": (WATCHERS, None), "DELETE": (ADMINISTRATOR, None)}, {"replica": "far"}),
        "api:replication-replica-revoke": Row({"POST": (ADMINISTRATOR, {})}, {"replica": "far"}),
        "api:replication-replica-appoint": Row(
            {"POST": (ADMINISTRATOR, {"url": "https://far.example/"})}, {"replica": "far"}
        ),
        "api:replication-replica-dismiss": Row({"POST": (ADMINISTRATOR, {})}, {"replica": "far"}),
        "api:replication-promote": Row(
            {"GET": (ADMINISTRATOR, None), "POST": (ADMINISTRATOR, {})}, answers={"GET": 409, "POST": 409}
        ),
        # The scene holds projects, and follows nobody.
        "api:replication-join": Row(
            {"POST": (ADMINISTRATOR, {"primary_url": "https://primary.example/", "secret": "tpi_nothing"})},
            answers={"POST": 409},
        ),
        "api:replication-pause": Row({"POST": (OPERATES, {})}, answers={"POST": 409}),
        "api:replication-resume": Row({"POST": (OPERATES, {})}, answers={"POST": 409}),
        "api:replication-leave": Row({"POST": (ADMINISTRATOR, {})}, answers={"POST": 409}),
        "api:replication-holding": Row(
            {"GET": (WATCHERS, None), "PUT": (ADMINISTRATOR, {"newest": 3}), "DELETE": (ADMINISTRATOR, None)}
        ),
        "api:replication-holding-preview": Row({"POST": (ADMINISTRATOR, {"newest": 3})}),
        "api:replication-limits": Row(
            {"GET": (WATCHERS, None), "PUT": (ADMINISTRATOR, {"rate": 10**6}), "DELETE": (ADMINISTRATOR, None)}
        ),
        "api:mirror-sites": Row(
            {"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, {"name": "new", "base_url": "https://new.example/"})}
        ),
        "api:mirror-site": Row(
            {"GET": (WATCHERS, None), "PATCH": (ADMINISTRATOR, {"weight": 2.0}), "DELETE": (ADMINISTRATOR, None)},
            {"site": "near"},
        ),
        "api:mirror-site-take-out": Row({"POST": (OPERATES, {})}, {"site": "near"}),
        # The scene's site is in.
        "api:mirror-site-put-back": Row({"POST": (OPERATES, {})}, {"site": "near"}, answers={"POST": 409}),
        "api:index-sending": Row({"GET": (WATCHERS, None), "PATCH": (ADMINISTRATOR, {"mode": "through"})}, INDEX),
        "api:backups": Row({"GET": (WATCHERS, None), "POST": (OPERATES, {})}, answers={"POST": 409}),
        "api:drills": reads(WATCHERS),
        "api:drill": reads(WATCHERS, id="{drill}"),
        "api:restorations": reads(WATCHERS),
        "api:advisories": reads(SIGNED_IN),
        "api:advisory": reads(SIGNED_IN, advisory="PYSEC-2026-1"),
        "api:advisory-imports": reads(WATCHERS),
        "api:exposed": reads(SIGNED_IN),
        "api:encryption-export": Row({"GET": (SEES_ALL, None)}, suffix="?format=csv"),
        "api:encryption-rotate": Row({"POST": (ADMINISTRATOR, {})}),
        # There is no such key.
        "api:encryption-remove-key": Row({"POST": (ADMINISTRATOR, {"key": "00"})}, answers={"POST": 404}, denied=403),
        "api:audit": reads(SEES_ALL),
        "api:audit-export": Row({"GET": (SEES_ALL, None)}, suffix="?format=csv"),
        "api:audit-entry": reads(SEES_ALL, id="{audit}"),
        "api:audit-sinks": Row(
            {
                "GET": (SEES_ALL, None),
                "POST": (ADMINISTRATOR, {"name": "new", "kind": "file", "address": "new.jsonl"}),
            }
        ),
        "api:audit-sink": Row(
            {
                "GET": (SEES_ALL, None),
                "PATCH": (ADMINISTRATOR, {"enabled": False}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"sink": "{sink}"},
        ),
        "api:audit-sink-test": Row({"POST": (ADMINISTRATOR, {})}, {"sink": "{sink}"}),
        "api:doctor": Row({"POST": (OPERATES, {})}),
        "api:support-bundle": Row({"POST": (OPERATES, {})}),
        "api:user-left-behind": Row({"GET": (SEES_ALL, None)}, {"username": "bystander"}),
        "api:indexes": Row({"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"name": "new"})}),
        "api:index": Row(
            {
                "GET": (READERS | {"operator"}, None),
                "PATCH": (ADMINS | {"operator"}, {"max_file_size": 1000}),
                "DELETE": (ADMINISTRATOR, None),
            },
            INDEX,
            answers={"DELETE": 409},  # it holds a project
        ),
        "api:index-make-default": Row({"POST": (ADMINISTRATOR, {})}, INDEX),
        "api:projects": Row({"GET": (READERS, None), "POST": (UPLOADERS, {"name": "brand-new"})}, INDEX),
        "api:project": Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, PROJECT),
        "api:project-archive": Row({"POST": (ADMINS, {})}, PROJECT),
        "api:project-deprecate": Row({"POST": (ADMINS, _REASON)}, PROJECT),
        "api:project-quarantine": Row({"POST": (ADMINS | SECURES, _REASON)}, PROJECT),
        "api:project-clear": Row({"POST": (ADMINS, {})}, PROJECT),
        "api:project-assign": Row({"POST": (OPERATES, {"team": "tools"})}, PROJECT),
        "api:index-quota": Row({"GET": (ADMINS | WATCHERS, None), "PATCH": (OPERATES, {"hard_limit": 10**9})}, INDEX),
        "api:team-quota": Row(
            {"GET": (OF_TEAM | WATCHERS, None), "PATCH": (OPERATES, {"hard_limit": 10**9})}, {"team": "tools"}
        ),
        # The index is no mirror and no group that has one.
        "api:prefetches": Row(
            {"GET": (ADMINS | WATCHERS, None), "POST": (ADMINS, {"filename": "r.txt", "content": "acme"})},
            INDEX,
            answers={"POST": 400},
        ),
        "api:prefetch": reads(ADMINS | WATCHERS, **INDEX, id="{prefetch}"),
        "api:prefetch-cancel": Row({"POST": (ADMINS, {})}, {**INDEX, "id": "{prefetch}"}),
        "api:prefetch-items": reads(ADMINS | WATCHERS, **INDEX, id="{prefetch}"),
        "api:copy-plan": Row(
            {"GET": (ADMINS | WATCHERS, None), "PATCH": (ADMINS, {"is_on": True})},
            INDEX,
            answers={"GET": 400, "PATCH": 400},
        ),
        "api:copy-plan-given-up": reads(ADMINS | WATCHERS, **OUTSIDE),
        "api:index-upstream": Row(
            {"GET": (ADMINS | WATCHERS, None), "PATCH": (ADMINS | OPERATES, {"page_seconds": 60})}, OUTSIDE
        ),
        # The scene's mirror is offline.
        "api:index-upstream-test": Row({"POST": (ADMINS | OPERATES, {})}, OUTSIDE, answers={"POST": 409}),
        "api:project-refresh": Row(
            {"POST": (ADMINS | OPERATES | SECURES, {})}, {**OUTSIDE, "project": "theirs"}, answers={"POST": 409}
        ),
        # Nothing contradicts a hosted file.
        "api:project-file-keep-ours": Row({"POST": (ADMINS | SECURES, {})}, {**PROJECT, **FILE}, answers={"POST": 409}),
        "api:project-file-take-theirs": Row({"POST": (SECURES, {})}, {**PROJECT, **FILE}, answers={"POST": 409}),
        "api:merges": Row(
            {"GET": (OF_INDEX, None), "POST": (SECURES, {"name": "acme-tool", "reason": "a fork"})}, GROUP
        ),
        "api:merge": Row({"GET": (OF_INDEX, None), "DELETE": (SECURES, None)}, {**GROUP, "name": "merged"}),
        "api:trash": reads(READERS, **INDEX),
        "api:trash-entry": Row({"GET": (ADMINS | SEES_ALL, None)}, {**INDEX, "id": "{trash}"}, denied=404),
        "api:trash-entry-restore": Row({"POST": (ADMINS, {})}, {**INDEX, "id": "{trash}"}, denied=404),
        "api:trash-entry-purge": Row(
            {"POST": (ADMINS, {"name": "acme-tool 0.9"})}, {**INDEX, "id": "{trash}"}, denied=404
        ),
        "api:releases": reads(READERS, **PROJECT),
        "api:release": Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, RELEASE),
        "api:release-yank": Row({"POST": (ADMINS, _REASON)}, RELEASE),
        "api:release-unyank": Row({"POST": (ADMINS, {})}, RELEASE),
        "api:roles": Row(
            {
                "GET": (SIGNED_IN, None),
                "POST": (ADMINS, {"index": "main", "user": "bystander", "verbs": ["read"]}),
            }
        ),
        "api:role": Row({"GET": (ADMINS | SEES_ALL, None), "DELETE": (ADMINS, None)}, {"id": "{role}"}, denied=404),
        # About a member of the team; about others only ADMINS | SEES_ALL may ask, which the tests of explanations say.
        "api:rights": Row({"GET": (OF_TEAM, None)}, suffix="?user=member&index=main&verb=read"),
        "api:prefixes": Row(
            {"GET": (SIGNED_IN, None), "POST": (MAINTAINERS, {"prefix": "new", "team": "tools", "index": "main"})}
        ),
        "api:prefix": Row({"GET": (OF_TEAM, None), "DELETE": (MAINTAINERS, None)}, {"id": "{prefix}"}, denied=404),
        "api:changes": reads(SIGNED_IN),
        "api:nothing": Row({}, suffix="no-such-thing/"),
    }
    for below, kwargs in (("project", PROJECT), ("release", RELEASE)):
        rows[f"api:{below}-files"] = reads(READERS, **kwargs)
        rows[f"api:{below}-file"] = Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, {**kwargs, **FILE})
        rows[f"api:{below}-file-yank"] = Row({"POST": (ADMINS, _REASON)}, {**kwargs, **FILE})
        rows[f"api:{below}-file-unyank"] = Row({"POST": (ADMINS, {})}, {**kwargs, **FILE})
    return rows
