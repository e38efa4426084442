"""Which projects are copied, and which of them have changed: the upstream's list held against the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from indexapp.clients.pages import NotModified
from indexapp.clients.upstream import Failure, ProjectNames, UpstreamAddress, UpstreamFailed, fetch_changed_names
from indexapp.domain.names import normalize_name
from indexapp.domain.volunteer.configuration import Configuration
from indexapp.services.volunteer.ledger import MirrorLedger
from indexapp.services.volunteer.pace import Pace
from tpi_site.kit.errors import Invalid

MOST_ASKED: Final = 500
"""Names for which pages are asked one by one rather than a list that has a million."""
_BATCH: Final = 5000
_FEW: Final = 5
"""Projects that may go in one run whatever the percentage is."""
SERIAL: Final = "serial"
_ETAG: Final = "list-etag"
_AIM: Final = "aim"


@dataclass
class Lister:
    """``accepts_deletions``: an operator says that what is gone is gone."""

    configuration: Configuration
    address: UpstreamAddress
    ledger: MirrorLedger
    pace: Pace
    accepts_deletions: bool = False
    warnings: list[str] = field(default_factory=list)
    _tries: int = 0

    def list(self) -> None:
        """Note which projects are chosen, and the newest serial of each.

        Raises UpstreamFailed where the list is not to be had, is older than one that was taken, or is broken: then nothing of
        it counts.  What has gone is kept where it is too much to be believed; ``warnings`` then says so.
        """
        choice, ledger = self.configuration.choice, self.ledger
        is_new_aim = ledger.noted(_AIM) != self.configuration.aim
        if is_new_aim:
            ledger.look_anew()
        if choice.names is not None and len(choice.names) <= MOST_ASKED:
            self._take_names(choice.names)
        elif not self._take_list(is_new_aim=is_new_aim):
            return
        ledger.note(_AIM, self.configuration.aim)
        ledger.save()

    def confirm_missing(self) -> None:
        """Projects that the upstream has no more leave the mirror, if they are not too many."""
        missing = self.ledger.missing()
        if not missing or self.configuration.keeps_deleted or not self._believes(len(missing)):
            return
        for name in missing:
            self.ledger.unwant(name)
            self.ledger.set_project(name, missing=0, dirty=1, have=None)
        self.ledger.save()

    def _take_names(self, names: tuple[str, ...]) -> None:
        self.ledger.begin_list()
        self.ledger.add_listed((name, name, None) for name in names if self.configuration.filter.takes_name(name))
        self.ledger.take_list(keeps_absent=False)

    def _take_list(self, *, is_new_aim: bool) -> bool:
        """Whether there was another list than the last one."""
        found = self.pace.ask(partial(self._read, is_new_aim=is_new_aim))
        if found is None and self.configuration.choice.names is not None:
            self._take_names(self.configuration.choice.names)
            return True
        if found is None:
            raise Invalid(
                f"The upstream {self.address.url} has no list of projects; write projects.names or projects.requirements.",
                code="volunteer-no-list",
            )
        return found

    def _read(self, *, is_new_aim: bool) -> bool | None:
        """One try; None where there is no list."""
        etag = "" if is_new_aim else self.ledger.noted(_ETAG)
        names = fetch_changed_names(self.address, etag=etag, passes_caches=self._tries > 0)
        self._tries += 1
        if names is None or isinstance(names, NotModified):
            return None if names is None else False
        try:
            self.ledger.begin_list()
            found = self._chosen(names)
            while batch := list(islice(found, _BATCH)):
                self.ledger.add_listed(batch)
            self._require_newer(names.last_serial)
            if self.configuration.choice.newest is not None:
                self.ledger.keep_newest(self.configuration.choice.newest)
            absent = 0 if is_new_aim else self.ledger.absent()
            is_kept = self.configuration.keeps_deleted or not self._believes(absent)
            self.ledger.take_list(keeps_absent=is_kept and not is_new_aim)
            self.ledger.note(SERIAL, names.last_serial or 0)
            self.ledger.note(_ETAG, "" if self.warnings else names.etag)
            self.ledger.save()
        except BaseException:
            self.ledger.drop()
            raise
        finally:
            names.close()
        return True

    def _chosen(self, names: ProjectNames) -> Iterator[tuple[str, str, int | None]]:
        wanted = frozenset(self.configuration.choice.names or ())
        for entry in names.entries():
            name = normalize_name(entry.name)
            if (not wanted or name in wanted) and self.configuration.filter.takes_name(name):
                yield name, entry.name, entry.last_serial

    def _require_newer(self, serial: int | None) -> None:
        known = int(self.ledger.noted(SERIAL, "0"))
        if serial is not None and serial < known:
            raise UpstreamFailed(
                f"The list of {self.address.url} is at the serial {serial}, and {known} was seen before: it is an old copy, or "
                "the upstream was put back. Nothing of it is taken; --accept-older takes it.",
                Failure.BAD_ANSWER,
            )

    def _believes(self, gone: int) -> bool:
        pages = self.ledger.pages()
        most = max(_FEW, pages * self.configuration.most_deletions // 100)
        if self.accepts_deletions or gone == 0 or (gone <= most and gone != pages):
            return True
        self.warnings.append(
            f"{gone} of {pages} projects are gone from the upstream, which is more than is taken out without a person; look "
            "there, and run again with --accept-deletions if that is right."
        )
        return False
