"""``manage.py rotate_keys``: a new key, everything sealed wrapped anew under it, and old keys removed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import Actor, internal
from accounts.services import nodes
from accounts.services.keys import compromise, relocation, rewrapping, ring
from accounts.services.keys.contents import Progress
from tpi_site.kit import key_ring as rings
from tpi_site.kit.errors import Refusal

_PATIENCE = 25.0
"""Seconds for which other nodes are waited for: two of their signs of life, and a little more."""


class Command(BaseCommand):
    """Started again after a kill it goes on where it was, without another new key."""

    help = (
        "Add a key to the key ring and wrap everything sealed anew under it, or finish a rotation; --remove an old key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--remove", metavar="KEY", help="take this key out of the ring; nothing may be wrapped with it"
        )
        parser.add_argument(
            "--reencrypt",
            metavar="KEY",
            help="others may know this key: seal everything that was sealed before anew",
        )
        parser.add_argument(
            "--copy-to",
            metavar="ADDRESS",
            help="write the ring to another place, as TPI_KEYRING takes it, such as vault:…",
        )
        parser.add_argument(
            "--new-key",
            action="store_true",
            help="add a key even where texts under others are left",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = internal("manage.py")
        try:
            if options["remove"]:
                self._remove(actor, options["remove"])
            elif options["copy_to"]:
                self._copy(actor, options["copy_to"])
            elif options["reencrypt"]:
                self._reencrypt(actor, options["reencrypt"])
            else:
                self._rotate(actor, is_new_wanted=options["new_key"])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None

    def _remove(self, actor: Actor, key_id: str) -> None:
        if not rings.is_file():
            ring.require_unused(rings.key_ring(), key_id)
            ring.require_renewed(rings.key_ring(), key_id)
            self.stdout.write(
                f"Nothing is wrapped with the key '{key_id}'; leave it out of the variable on every node."
            )
            return
        ring.remove_key(actor=actor, key_id=key_id, patience=_PATIENCE)
        self.stdout.write(f"The key '{key_id}' is removed; keep a copy as long as backups that need it.")

    def _copy(self, actor: Actor, address: str) -> None:
        try:
            relocation.copy_to(actor=actor, address=address)
        except OSError as error:
            raise CommandError(f"There can be no key ring at {address}: {error.strerror}.") from None
        self.stdout.write(f"The ring is written. Now set TPI_KEYRING={address} on every node and restart;")
        self.stdout.write("keep the old ring apart until all of them run with the new one, then destroy it.")

    def _reencrypt(self, actor: Actor, key_id: str) -> None:
        found = rings.key_ring()
        compromise.require_known(found, key_id)
        if not rings.is_file() and key_id not in found.given_up:
            self.stdout.write("Set this key ring on every node, restart, and run this command again:")
            self.stdout.write(rings.as_json(rings.given_up(found, key_id)))
            return
        if compromise.give_up(actor=actor, key_id=key_id):
            self.stdout.write(f"The key '{key_id}' is given up; '{rings.key_ring().current}' is current.")
        outcome = compromise.reencrypt(actor=actor, key_id=key_id, report=self._show)
        rewrapping.rewrap_all(actor=actor, but_contents=True)
        self.stdout.write(
            f"{outcome.done} contents are sealed anew; what they were before goes at the next collection of garbage."
        )
        if outcome.failed:
            raise CommandError(
                f"{outcome.failed} contents cannot be read whole and stay as they are: see 'manage.py fsck'."
            )
        self.stdout.write(f"Now remove the key: manage.py rotate_keys --remove {key_id}")

    def _show(self, progress: Progress) -> None:
        seen = progress.done + progress.failed
        self.stdout.write(f"{seen} of {max(progress.total, seen)}, {progress.sealed_bytes / 2**20:.0f} MiB")
        self.stdout.flush()

    def _rotate(self, actor: Actor, *, is_new_wanted: bool) -> None:
        waiting, before = rewrapping.waiting(), rings.key_ring().current
        if is_new_wanted or rings.key_ring().coming or not waiting:
            if not rings.is_file():
                self._tell_next()
                return
            added = ring.add_key(actor=actor, patience=_PATIENCE)
            self.stdout.write(f"The new key '{added}' is current.")
            if nodes.wrapping_with(before):
                self.stdout.write("Copy the key ring once more to every node that has a file of its own.")
            waiting = rewrapping.waiting()
        else:
            self.stdout.write(
                f"Finishing a rotation: {waiting} texts are wrapped with other keys than the current one."
            )
        self._rewrap(actor, waiting)

    def _tell_next(self) -> None:
        """Of a ring in a variable: with a key that all nodes know first, where there are several, and then use."""
        found = rings.key_ring()
        if found.coming:
            ring.require_everywhere(found.coming, _PATIENCE)
            after = rings.with_coming_current(found)
        else:
            after = rings.with_coming_key(found) if nodes.others() else rings.with_new_key(found)
        self.stdout.write("Set this key ring on every node, restart, and run this command again:")
        self.stdout.write(rings.as_json(after))

    def _rewrap(self, actor: Actor, total: int) -> None:
        seen = 0

        def show(more: int) -> None:
            nonlocal seen
            seen += more
            self.stdout.write(f"{seen} of {max(total, seen)} ({100 * seen // max(total, seen)} %)")
            self.stdout.flush()

        outcome = rewrapping.rewrap_all(actor=actor, on_progress=show)
        self.stdout.write(f"{outcome.rewrapped} texts are wrapped anew with the key '{outcome.current}'.")
        if outcome.unopenable:
            raise CommandError(
                f"{outcome.unopenable} texts open with no key of the ring and stay as they are; restore the key they were "
                "sealed with and run this again."
            )
