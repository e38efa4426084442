"""The replicas of this site that may take over: saying which, and asking them whether one did.

A primary that starts asks before it takes the first change, and one that runs asks every now and then.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import alarms, audit, nodes
from indexapp.clients import takeovers as client
from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication import takeovers as proofs
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Fence, Following, Replica
from indexapp.services.replication import epochs, fences
from tpi_site.kit.errors import Conflict, Invalid
from tpi_site.kit.outbound import OutboundFailed, Way

log = logging.getLogger(__name__)
TWO = "two-primaries"
_DEED = "say which replica may take over"
_PROOF_OF_LIFE = nodes.BEAT + 2.0
"""Seconds within which another node that serves shows that it does."""


def appoint(*, actor: Actor, replica: Replica, url: str, ca_certificates: str = "") -> None:
    """Let the replica take over; ``url`` is where it is asked whether it did, and where clients find it then."""
    require_administrator(actor, _DEED)
    try:
        Way(url, ca_certificates=ca_certificates).check()
    except OutboundFailed as error:
        raise Invalid(f"The replica's address cannot be used: {error}", code="address-invalid") from None
    with transaction.atomic():
        Replica.objects.filter(pk=replica.pk).update(
            may_take_over=True, url=url, ca_certificates=ca_certificates, asked_at=None
        )
        audit.record(actor=actor, action="replica.appoint", subject=replica, url=url)


def dismiss(*, actor: Actor, replica: Replica) -> None:
    """The replica may not take over any more, and is not waited for."""
    require_administrator(actor, _DEED)
    with transaction.atomic():
        Replica.objects.filter(pk=replica.pk).update(may_take_over=False, url="", ca_certificates="", asked_at=None)
        audit.record(actor=actor, action="replica.dismiss", subject=replica)
    if not _present():
        fences.end_doubt()


def _present() -> list[Replica]:
    return list(Replica.objects.filter(may_take_over=True, revoked_at=None).exclude(site=None))


def told_to(replica: Replica) -> dict[str, Any]:
    """What a replica is told of itself with the news, and of the others if it may take over: they will follow it."""
    if not replica.may_take_over:
        return {}
    others = Replica.objects.exclude(pk=replica.pk).filter(revoked_at=None)
    names = ("name", "key_id", "digest", "site", "may_take_over", "url", "ca_certificates", "created_by")
    siblings = [{name: _plain(value) for name, value in row.items()} for row in others.values(*names)]
    return {"takeover": {"url": replica.url, "siblings": siblings}}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def ask(replica: Replica) -> bool:
    """Ask one whether it took over, and obey; whether it has answered."""
    nonce = secrets.token_hex(16)
    said = {"nonce": nonce, "proof": proofs.asking(replica.digest, nonce)}
    try:
        answer = client.ask(replica.url, said, ca_certificates=replica.ca_certificates)
        answered = answer["said"]
        _require_of(replica, nonce, str(answer["proof"]), answered)
        claim = _claim_of(replica, answered["claim"])
    except PrimaryFailed as error:
        log.warning("The replica '%s' does not say whether it took over: %s (%s)", replica.name, error, error.code)
        return False
    except (KeyError, TypeError, ValueError):
        log.warning("The replica '%s' does not say whether it took over: what it says cannot be read.", replica.name)
        return False
    Replica.objects.filter(pk=replica.pk).update(asked_at=timezone.now())
    if claim is not None and not fences.is_known(claim.epoch):
        _obey(replica, claim, str(answered["former"]))
    return True


def _require_of(replica: Replica, nonce: str, proof: str, answered: dict[str, Any]) -> None:
    is_proved = hmac.compare_digest(proof, proofs.answering(replica.digest, nonce, answered))
    if not is_proved or answered["site"] != str(replica.site):
        raise PrimaryFailed("What answers there is not this replica.", "bad-answer")


def _claim_of(replica: Replica, said: Any) -> Claim | None:
    """What it claims of itself; of others it has nothing to say."""
    claim = Claim.of(said) if said else None
    if claim is not None and claim.site != replica.site:
        raise PrimaryFailed("It says that another site took over, which is not its to say.", "bad-answer")
    return claim


def _obey(replica: Replica, claim: Claim, former: str) -> None:
    """Only who followed this site has taken over from it."""
    if former == str(epochs.site()):
        try:
            fences.write(claim, replica.name)
        except Conflict as refusal:
            alarms.ring(TWO, f"{claim.url} says that it took over: {refusal.detail}", subject=claim.url[:200])
        return
    alarms.ring(
        TWO,
        f"{claim.url} took over from another site than this one, and both take changes; say which of the two is to go on, and "
        "let the other one join it.",
        subject=claim.url[:200],
    )


def ask_all() -> list[str]:
    """Ask each; the names of those that have not answered."""
    return [replica.name for replica in _present() if not ask(replica)]


def may_write() -> bool:
    """Whether this site is a primary, or none that has ever been fenced; a site that follows asks nobody."""
    return not Following.objects.exists() and not Fence.objects.filter(state=Fence.State.FENCED).exists()


def ask_at_start() -> None:
    """Before this node takes the first change: whether a replica took over while it was away.

    Where one cannot be asked, nothing is changed until it answers or an operator speaks, unless another node of this
    site has been serving all the while: it would have been told.
    """
    if not may_write() or not _present():
        return
    before = {node.pk: node.seen_at for node in nodes.others()}
    silent = ask_all()
    if not may_write():
        return
    if not silent:
        fences.end_doubt()
    elif not _another_serves(before):
        fences.doubt(silent)


def _another_serves(before: dict[int, Any]) -> bool:
    """Whether another node has shown since that it lives; one that was killed counts as serving for a minute."""
    until = time.monotonic() + _PROOF_OF_LIFE
    while before and time.monotonic() < until:
        if any(node.seen_at > before.get(node.pk, node.seen_at) for node in nodes.others()):
            return True
        time.sleep(0.5)
    return False


def ask_again() -> None:
    """What the watcher does every now and then, and soon after each other while there is a doubt."""
    if may_write() and not ask_all():
        fences.end_doubt()
