"""Services about sites that follow one another."""

from __future__ import annotations

from indexapp.domain.replication.holding import Hold
from indexapp.services.replication import choosing, credentials, fences, heirs, joining, leftovers, promoting
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
    "indexapp.services.replication.heirs.appoint": Mutation(
        lambda world, actor: heirs.appoint(actor=actor, replica=world.replica, url="https://far.example/"),
        "replica.appoint",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.heirs.dismiss": Mutation(
        lambda world, actor: heirs.dismiss(actor=actor, replica=world.replica),
        "replica.dismiss",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.fences.confirm": Mutation(
        lambda world, actor: fences.confirm(actor=actor),
        "replication.confirm",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.leftovers.discard": Mutation(
        lambda world, actor: leftovers.discard(actor=actor),
        "replication.discard",
        ADMINISTRATOR,
    ),
    "indexapp.services.replication.promoting.promote": Mutation(
        lambda world, actor: promoting.promote(actor=actor, asks_primary=False),
        "replication.promote",
        ADMINISTRATOR,
        ("installation-promoted",) * 6,  # one for each index of the world
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
