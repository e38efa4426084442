"""What a replica holds, and when it fetches, by REST: read, tried out, said anew and lifted, on a replica too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import AuditEntry
from indexapp.domain.replication.holding import EVERYTHING, Hold, read
from indexapp.models import FetchLimit, File, Following, Holding, Index
from indexapp.services.replication import epochs, pacing, standing
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.builders.wheels import build_wheel
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tpi_site.kit import read_only

pytestmark = pytest.mark.django_db
HOLDING, LIMITS = "replication/following/holding/", "replication/following/limits/"
_EMPTY = {"files": 0, "bytes": 0}


@pytest.fixture
def root(rest: AsPerson) -> Rest:
    return rest("administrator")


@pytest.fixture
def operator(rest: AsPerson) -> Rest:
    return rest("operator")


@pytest.fixture
def as_replica(main: Index) -> Iterator[Following]:
    """This site as one that takes no changes and has two releases of a project."""
    epochs.current()
    for version in ("1.0", "2.0"):
        published(main, build_wheel("tool", version))
    row = make_following()
    read_only.remember(None, float("inf"), of=standing.primary())
    yield row
    read_only.remember(None, float("inf"))


def test_filters_are_tried_out_said_read_and_lifted(root: Rest, as_replica: Following) -> None:
    wish = {"newest": 1, "indexes": ["main", "team-*"], "budget": 10**9}
    tried = root.post(f"{HOLDING}preview/", wish)
    assert tried.status == 200
    assert (tried.json["dropped"]["files"], tried.json["fetched"], tried.json["is_whole"]) == (1, _EMPTY, True)
    assert [(each["index"], each["dropped"]["files"]) for each in tried.json["indexes"]] == [("main", 1)]
    assert tried.json["dropped"]["bytes"] > File.objects.earliest("pk").size
    assert not Holding.objects.exists(), "nothing was said yet"
    said = root.send("PUT", HOLDING, wish)
    assert said.status == 200
    told = root.get(HOLDING).json
    assert told == said.json
    assert {name: told[name] for name in wish} == wish
    assert (told["with_wheels"], told["platforms"], told["is_settled"]) == (True, [], False)
    assert Holding.objects.get().budget == 10**9
    assert AuditEntry.objects.get(action="replication.hold").actor_name == "administrator"
    assert root.send("PUT", HOLDING, {"newest": 2}).json["indexes"] == [], "each says all of it"
    assert root.delete(HOLDING).status == 204
    assert read(Holding.objects.get().filters) == Hold(files=EVERYTHING)


def test_limits_are_said_read_and_lifted(root: Rest, as_replica: Following) -> None:
    pacing.forget_all()
    plain = {"rate": None, "windows": [], "zone": "UTC", "waits": ""}
    assert root.get(LIMITS).json == plain
    said = root.send("PUT", LIMITS, {"rate": 10**6, "windows": ["22:00-06:00"], "zone": "Europe/Berlin"})
    assert said.status == 200
    assert FetchLimit.objects.values_list("rate", "windows", "zone").get() == (10**6, ["22:00-06:00"], "Europe/Berlin")
    assert {name: root.get(LIMITS).json[name] for name in ("rate", "windows", "zone")} == {
        "rate": 10**6,
        "windows": ["22:00-06:00"],
        "zone": "Europe/Berlin",
    }
    assert root.delete(LIMITS).status == 204
    assert FetchLimit.objects.values_list("rate", "windows", "zone").get() == (None, [], "UTC")
    assert AuditEntry.objects.filter(action="replication.limit", actor_name="administrator").count() == 2


@pytest.mark.parametrize(
    ("address", "body", "status", "code"),
    [
        (HOLDING, {"newest": 0}, 400, "invalid"),
        (HOLDING, {"newest": "many"}, 400, "invalid"),
        (HOLDING, {"nevest": 1}, 400, "invalid"),
        (HOLDING, {"platforms": ["amiga"]}, 400, "invalid"),
        (HOLDING, {"pythons": ["three"]}, 400, "target-unknown"),
        (HOLDING, {"include": ["a b"]}, 400, "hold-invalid"),
        (HOLDING, {"newest": 10**9}, 400, "hold-invalid"),
        (LIMITS, {"rate": 5}, 400, "rate-invalid"),
        (LIMITS, {"windows": ["25:00-26:00"]}, 400, "window-invalid"),
        (LIMITS, {"zone": "Europe/Atlantis"}, 400, "zone-unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    root: Rest, as_replica: Following, address: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = root.send("PUT", address, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    if address == HOLDING:
        tried = root.post(f"{HOLDING}preview/", body)
        assert (tried.status, tried.json["code"]) == (status, code)
    assert not Holding.objects.exists()
    assert not FetchLimit.objects.exists()


def test_operators_look_and_say_nothing(operator: Rest, as_replica: Following) -> None:
    assert operator.get(HOLDING).json["held_blobs"] == 4
    refused(operator.send("PUT", HOLDING, {"newest": 1}), 403, "administrator-needed")
    refused(operator.post(f"{HOLDING}preview/", {"newest": 1}), 403, "administrator-needed")
    refused(operator.delete(LIMITS), 403, "administrator-needed")
    assert not Holding.objects.exists()
