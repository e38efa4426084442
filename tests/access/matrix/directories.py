"""The addresses of the REST API that are about directories, and alarms."""

from __future__ import annotations

from tests.access.matrix.who import ADMINISTRATOR, OPERATES, SECURES, WATCHERS, Row, reads


def directories() -> dict[str, Row]:
    directory = {"directory": "corp"}
    new = {"name": "new", "hosts": "ldap.tpi.example", "user_base": "dc=tpi", "bind_dn": "cn=a", "bind_password": "b"}
    mapping = {"group_dn": "cn=devs,dc=tpi", "instance_role": "auditor"}
    return {
        "api:directories": Row({"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, new)}),
        "api:directory": Row(
            {
                "GET": (WATCHERS, None),
                "PATCH": (ADMINISTRATOR, {"title": "Corp"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            directory,
        ),
        "api:directory-test": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-plan": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-sync": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-syncs": reads(WATCHERS, **directory),
        "api:directory-report": reads(WATCHERS, **directory, id="{sync}"),
        "api:directory-mappings": Row(
            {"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, mapping)}, directory, by_password=True
        ),
        "api:directory-mapping": Row(
            {"GET": (WATCHERS, None), "DELETE": (ADMINISTRATOR, None)}, {**directory, "id": "{mapping}"}
        ),
        "api:alarms": reads(WATCHERS),
        "api:alarm": reads(WATCHERS, id="{alarm}"),
        "api:alarm-end": Row({"POST": (OPERATES | SECURES, {})}, {"id": "{alarm}"}),
    }
