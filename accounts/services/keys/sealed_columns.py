"""Which columns of the database hold texts that the key ring wrapped; each app registers its own when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, QuerySet, Value
from django.db.models.functions import Concat, StrIndex, Substr

from accounts.domain import sealed_purposes
from accounts.models import AuditSink, Authenticator, Directory
from accounts.services import one_time_codes
from tpi_site.kit.key_ring import VERSION

_REST = len(VERSION) + 2  # where the key's id begins, counted from one


@dataclass(frozen=True)
class SealedColumn:
    """``field`` of ``model``, whose column has the same name, holds wrapped texts.

    ``purpose`` says of the values of the fields ``bound_to`` what they are wrapped for.
    """

    words: str
    model: type[Model]
    field: str
    bound_to: tuple[str, ...]
    purpose: Callable[..., str]
    is_all_sealed: bool = False
    """Whether an empty field says that something lies plain, not that there is nothing."""

    def rows(self) -> QuerySet[Any]:
        """The rows that hold a wrapped text."""
        return self.model._base_manager.exclude(**{self.field: ""}).order_by("pk")  # noqa: SLF001  all rows, whatever the default manager hides

    def rows_under_others(self, current: str) -> QuerySet[Any]:
        """The rows whose text another key than ``current`` wraps."""
        return self.rows().exclude(**{f"{self.field}__startswith": f"{VERSION}.{current}."})

    def plain(self) -> int:
        """How many rows hold no wrapped text."""
        return self.model._base_manager.filter(**{self.field: ""}).count()  # noqa: SLF001  as above

    def by_key(self) -> dict[str, int]:
        """How many texts each key wraps, by its id; one statement."""
        rest = Concat(Substr(self.field, _REST), Value("."))  # also where a broken text has no point
        key_id = Substr(rest, 1, StrIndex(rest, Value(".")) - 1)
        found = self.rows().order_by().values_list(key_id).annotate(Count("pk"))
        return dict(found)


_columns: list[SealedColumn] = []


def register(column: SealedColumn) -> None:
    """Have ``column`` wrapped anew at rotations; a second registration of the same changes nothing."""
    if column not in _columns:
        _columns.append(column)


def columns() -> list[SealedColumn]:
    """All that are registered."""
    return list(_columns)


OURS = (
    SealedColumn(
        "bind passwords of directories",
        Directory,
        "bind_password",
        sealed_purposes.DIRECTORY,
        sealed_purposes.of_directory,
    ),
    SealedColumn("secrets of authenticator apps", Authenticator, "secret", ("user_id",), one_time_codes.purpose_for),
    SealedColumn("secrets of audit sinks", AuditSink, "secret", sealed_purposes.SINK, sealed_purposes.of_sink),
)
"""The secrets of this app."""
