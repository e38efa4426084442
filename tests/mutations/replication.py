"""Services about sites that follow one another."""

from __future__ import annotations

from indexapp.domain.replication.holding import Hold
from indexapp.services.replication import choosing, credentials, joining
from tests.mutations.world import ADMINISTRATOR, Mutation

REPLICATION: dict[str, Mutation] = {
    "indexapp.services.replication.credentials.invite": Mutation(
        lambda world, actor: credentials.invite(actor=actor, name="further"),
        "replica.invite",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.credentials.revoke": Mutation(
        lambda world, actor: credentials.revoke(actor=actor, replica=world.replica),
        "replica.revoke",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.choosing.hold": Mutation(
        lambda world, actor: choosing.hold(actor=actor, wanted=Hold(indexes=["main"]), budget=10**6),
        "replication.hold",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.choosing.hold_all": Mutation(
        lambda world, actor: choosing.hold_all(actor=actor),
        "replication.hold",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.choosing.limit": Mutation(
        lambda world, actor: choosing.limit(actor=actor, rate=10**6, windows=["22:00-06:00"], zone="UTC"),
        "replication.limit",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.joining.pause": Mutation(
        lambda world, actor: joining.pause(actor=actor),
        "replication.pause",
        f"operator {ADMINISTRATOR}",
    ),
    "indexapp.services.replication.joining.resume": Mutation(
        lambda world, actor: joining.resume(actor=actor),
        "replication.resume",
        f"operator {ADMINISTRATOR}",
    ),
    "indexapp.services.replication.joining.leave": Mutation(
        lambda world, actor: joining.leave(actor=actor),
        "replication.leave",
        ADMINISTRATOR,
    ),
}
