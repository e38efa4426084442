"""Services about sites that follow one another."""

from __future__ import annotations

from indexapp.services.replication import credentials, joining
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
