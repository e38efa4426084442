"""What the addresses of the matrix speak of."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import (
    AuditEntry,
    AuditSink,
    DirectorySync,
    ReadOnlyPeriod,
    Token,
)
from accounts.services import alarms, service_accounts
from indexapp.models import (
    Merge,
    PrefetchJob,
    Trashed,
)
from indexapp.services import releases, roles
from tests.builders.wheels import build_wheel
from tests.factories.backups import make_drill
from tests.factories.cast import Cast
from tests.factories.directories import map_group, silent_directory
from tests.factories.mirror_sites import make_site
from tests.factories.people import SYSTEM, join, make_token, make_user
from tests.factories.policies import make_policy
from tests.factories.publishing import give, make_group, published
from tests.factories.replication import make_replica
from tests.factories.upstreams import make_mirror
from tests.factories.vulnerabilities import make_advisory


@pytest.fixture
def scene(cast: Cast) -> dict[str, Any]:
    """A published project and one row of everything that an address may name."""
    file = published(cast.index)
    gone = published(cast.index, build_wheel("acme-tool", "0.9"))
    releases.delete(actor=SYSTEM, release=gone.release)
    # Whatever an auditor is granted besides must make no difference.
    give(cast.auditor, [Verb.ADMINISTER], cast.index)
    join(cast.auditor, cast.team, role="admin")
    bystander = make_user("bystander")
    role = give(bystander, [Verb.READ], cast.index)
    token, _ = make_token(bystander, [Verb.READ])
    service_accounts.create(actor=cast.actor("administrator"), team=cast.team, name="svc-build")
    prefix = roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix="acme", index=cast.index)
    outside = make_mirror("", "outside", is_offline=True)
    everything = make_group("everything", cast.index, outside)
    for index in (outside, everything):
        give(cast.team_admin, [Verb.ADMINISTER], index)
    Merge.objects.create(group=everything, normalized_name="merged", reason="a fork", created_by="administrator")
    directory = silent_directory()
    ReadOnlyPeriod.objects.create(started_by="operator")
    make_advisory("PYSEC-2026-1")
    digest = file.sha256
    rule, exception, hold = make_policy(cast.index)
    return {
        "policy_rule": rule.pk,
        "policy_exception": exception.pk,
        "policy_hold": hold.pk,
        "filename": file.filename,
        "path": f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}",
        "role": role.pk,
        "token": Token.objects.get(pk=token.pk).pk,
        "prefix": prefix.pk,
        "mapping": map_group(directory, "cn=ops,dc=tpi", cast.team).pk,
        "sync": DirectorySync.objects.create(directory=directory, state="done", moved_at=timezone.now()).pk,
        "alarm": alarms.ring("test", "Something needs a person.").pk,
        "trash": Trashed.objects.get().pk,
        "drill": make_drill().pk,
        "replica": make_replica("far").name,
        "site": make_site("near", indexes=[cast.index]).name,
        "prefetch": PrefetchJob.objects.create(index=cast.index, name="requirements.txt", kind="requirements.txt").pk,
        "sink": AuditSink.objects.create(name="siem", kind="file", address="siem.jsonl").name,
        "audit": AuditEntry.objects.order_by("pk").values_list("pk", flat=True)[0],
    }
