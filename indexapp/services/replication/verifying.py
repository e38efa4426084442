"""Whether this replica is equal to its primary, said and signed.

Equal are two sites whose digests over indexes, projects, releases, files and their states are the same at one serial, whose
tables and logs are too, and of which this one lacks no bytes that it should have.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.checkpoints import CheckpointBroken, PublicKey, opened_text
from accounts.permissions import require_administrator
from accounts.services import alarms, audit, audit_keys
from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication import trees
from indexapp.domain.replication.transport import Transport
from indexapp.models import Following
from indexapp.services.integrity import checking, verification
from indexapp.services.replication import comparing, differences, epochs, following, holding, showing, standing
from indexapp.services.replication.comparing import Moment, Side
from indexapp.services.replication.differences import Difference
from indexapp.services.replication.fitting import fitting
from tpi_site.kit.errors import Conflict

ALARM = "replica-differs"
_TITLE = "TPI replication result 1"
_DEED = "compare this replica with its primary"
_TABLES_PATIENCE = 15.0
"""Seconds in which a table that was just changed at the primary comes here."""
_PAUSE = 1.0


class Verdict(StrEnum):
    """What came out."""

    EQUAL = "equal"
    DIFFERENT = "different"
    INCOMPLETE = "incomplete"
    """All rows are the same, and bytes are missing."""
    MOVING = "moving"
    """The two were never seen at one serial: too much is published."""


@dataclass(frozen=True)
class Wish:
    """How to compare.

    ``patience`` are the seconds until both must have stood at one serial, ``most`` the differences that are named; with
    ``is_deep`` all bytes of this site are read.
    """

    patience: float = 60.0
    most: int = 1000
    is_deep: bool = False
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """The statement as JSON has it, the same signed, and the differences that are named in it."""

    result: dict[str, Any]
    note: str
    differences: Sequence[Difference]

    @property
    def verdict(self) -> Verdict:
        """What came out."""
        return Verdict(self.result["verdict"])


def verify(*, actor: Actor, wish: Wish) -> Outcome:
    """Compare and sign; refuses where this site follows nobody, and raises PrimaryFailed where the primary does not answer."""
    require_administrator(actor, _DEED)
    row = Following.objects.first()
    if row is None:
        raise Conflict("This installation is no replica; run this where there is one.", code="replica-not")
    began, began_at = time.monotonic(), datetime.now(UTC)
    primary, here = _sides(row)
    moment = comparing.settle(primary, here, wish.patience)
    found, more = _named(primary, here, moment, wish.most)
    missing = _missing(actor, wish)
    is_same = not found and _root(primary) == _root(here)
    verdict = _verdict(moment, missing, is_same=is_same)
    result = {
        "verdict": verdict.value,
        "began_at": began_at.isoformat(timespec="seconds"),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 2),
        "serial": moment.serial if moment else None,
        "epoch": moment.epoch if moment else None,
        "primary": {"site": str(row.primary_site), "url": row.primary_url, "root": _root(primary), **primary.sums},
        "replica": {"site": str(epochs.site()), "root": _root(here), **here.sums},
        "missing": missing,
        "differences": [each.told for each in found],
        "more_differences": more,
    }
    _record(actor, row, result, found)
    return Outcome(result, audit_keys.signed(_text(result)), found)


def _sides(row: Following) -> tuple[Side, Side]:
    client = following.primary_of(row)
    transport, site = Transport(client.secret), str(row.primary_site)

    def ask(asked: Any) -> dict[str, Any]:
        answer = client.tree(asked)
        if answer.get("site") != site:
            raise PrimaryFailed("Another installation answers at the primary's address.", "site-changed")
        return answer

    return Side(ask), Side(lambda asked: showing.show(asked, transport))


def _named(primary: Side, here: Side, moment: Moment | None, most: int) -> tuple[list[Difference], bool]:
    """The differences, and whether there are more; while everything moves none is certain."""
    if moment is None:
        return [], False
    with fitting("bad-answer", "The primary's digests cannot be read."):
        numbers = comparing.differing(primary, here, "digest")
        found = list(islice(differences.of_projects(primary, here, numbers), most + 1))
        if not standing.missing()[0]:
            held = comparing.differing(primary, here, "held")
            found += islice(differences.of_bytes(primary, here, held), most + 1)
        found += _tables(primary, here)
        found += differences.of_log(primary, here) if not found else []
    return found[:most], len(found) > most


def _tables(primary: Side, here: Side) -> list[Difference]:
    """Tables move without a serial, and come a little later."""
    until = time.monotonic() + _TABLES_PATIENCE
    while (found := differences.of_tables(primary, here)) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return found


def _missing(actor: Actor, wish: Wish) -> dict[str, Any]:
    """What this site lacks of the bytes that it should have."""
    deep = None
    if wish.is_deep:
        summary = checking.Summary()
        found = checking.check(actor=actor, wish=checking.Wish(deep=True, progress=wish.progress), summary=summary)
        faults = [str(fault) for fault, _ in found]
        deep = {"blobs": summary.blobs, "faults": len(faults), "first": faults[:10]}
    wanted, size = standing.missing()
    told = {"wanted": wanted, "wanted_bytes": size, "damaged": verification.damaged(), "deep": deep}
    return told | {"not_held": holding.not_held()[0]}


def _verdict(moment: Moment | None, missing: dict[str, Any], *, is_same: bool) -> Verdict:
    if moment is None:
        return Verdict.MOVING
    if not is_same:
        return Verdict.DIFFERENT
    is_deep_bad = missing["deep"] is not None and missing["deep"]["faults"]
    return Verdict.INCOMPLETE if missing["wanted"] or missing["damaged"] or is_deep_bad else Verdict.EQUAL


def _root(side: Side) -> str:
    return trees.root({number: chunk.digest for number, chunk in side.chunks.items()})


def _record(actor: Actor, row: Following, result: dict[str, Any], found: Sequence[Difference]) -> None:
    told = {name: result[name] for name in ("verdict", "serial", "epoch")}
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="replication.verify",
            object_type="following",
            object_name=row.primary_url,
            primary_root=result["primary"]["root"],
            replica_root=result["replica"]["root"],
            **told,
        )
    if found:
        sentence = f"This replica differs from its primary in {len(found)} places at serial {result['serial']}: see "
        alarms.ring(ALARM, f"{sentence}'manage.py replication verify'. The first: {found[0].sentence}"[:500])
    elif result["verdict"] == Verdict.EQUAL:
        alarms.settle(ALARM)


def _text(result: dict[str, Any]) -> str:
    return f"{_TITLE}\n{json.dumps(result, ensure_ascii=True, sort_keys=True)}\n"


def checked(told: Mapping[str, Any], keys: Iterable[PublicKey]) -> dict[str, Any]:
    """The result of what ``verify --json`` wrote, if one of the keys has signed it.

    Raises CheckpointBroken, and KeyError, TypeError, ValueError where it is something else.
    """
    title, _, body = opened_text(told["note"], keys).partition("\n")
    if title != _TITLE:
        raise CheckpointBroken("it states something else than how a replica compares with its primary")
    found: dict[str, Any] = json.loads(body)
    if found != told["result"]:
        raise CheckpointBroken("what it says is not what was signed")
    return found
