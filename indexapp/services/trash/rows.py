"""Rows as JSON and back: every column by its name, times to the microsecond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Model

Row = TypeVar("Row", bound=Model)
BATCH = 500


def kept(row: Model) -> dict[str, Any]:
    """The columns of ``row``, its key too."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def revived(model: type[Row], values: dict[str, Any]) -> Row:
    """The row as it was; columns that the model has no more are passed over, new ones have their defaults."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return model(**{name: fields[name].to_python(value) for name, value in values.items() if name in fields})


def insert_all(rows: list[Any], *moments: str) -> None:
    """Write the rows under the keys they had; ``moments`` name the columns that Django would else set to now."""
    if not rows:
        return
    model = type(rows[0])
    before = {row.pk: [getattr(row, name) for name in moments] for row in rows}
    model._default_manager.bulk_create(rows)
    if not moments:
        return
    for row in rows:
        for name, value in zip(moments, before[row.pk], strict=True):
            setattr(row, name, value)
    model._default_manager.bulk_update(rows, moments)


def batches(found: Iterable[Any]) -> Iterator[list[Any]]:
    """``found`` in lists of a few hundred."""
    iterator = iter(found)
    while batch := list(islice(iterator, BATCH)):
        yield batch
