"""Rows of a model out of the database as they travel, and into it with the keys that they had.

A reference to a blob travels as its digest and size, because blobs have keys of their own everywhere.  A sealed column is
opened here, so that the rest works with what it says.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)

from accounts.services.keys import sealed_columns
from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.domain.replication.rows import plain
from indexapp.domain.replication.transport import Transport
from indexapp.models import Blob
from indexapp.services.replication import places, sound_names
from tpi_site.kit import sealing
from tpi_site.kit.errors import Unavailable

_BATCH = 500
Row = dict[str, Any]


@lru_cache(maxsize=128)
def fields_of(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    """The columns that travel."""
    table = places.BY_LABEL.get(places.label(model))
    here = table.here if table else ()
    return tuple(field for field in model._meta.local_concrete_fields if field.name not in here)


@lru_cache(maxsize=128)
def schema(model: type[Model]) -> list[str]:
    """Their names, by which two releases see that they mean the same."""
    return [str(field.attname) for field in fields_of(model)]


def read(rows: QuerySet[Any], model: type[Model], *, only: Sequence[str] = ()) -> Iterator[Row]:
    """The rows as they travel, secrets in clear; with ``only`` no more than those columns and the key."""
    names, contents, others = list[str](), list[str](), list[str]()
    for field in fields_of(model):
        if only and not field.primary_key and field.attname not in only:
            continue
        name = str(field.attname)
        if field.related_model is Blob:
            contents.append(name)
        else:
            names.append(name)
            others += [name] if isinstance(field, DateField | UUIDField) else []
    sealed = {} if only else sealed_of(model)
    paths = [f"{name.removesuffix('_id')}__{of}" for name in contents for of in ("sha256", "size")]
    for values in rows.order_by("pk").values_list(*names, *paths).iterator(_BATCH):
        row = dict(zip(names, values, strict=False))  # those of contents come after them
        for name in others:
            row[name] = plain(row[name])
        for place, name in enumerate(contents):
            sha256, size = values[len(names) + 2 * place :][:2]
            row[name] = None if sha256 is None else [sha256, size]
        for name, column in sealed.items():
            row[name] = _opened(column, row)
        yield row


@lru_cache(maxsize=128)
def _key(model: type[Model]) -> str:
    key = model._meta.pk
    assert key is not None  # noqa: S101  every model has one
    return str(key.attname)


def key_of(model: type[Model], row: Mapping[str, Any]) -> int:
    """The row's primary key."""
    return int(row[_key(model)])


def sealed_of(model: type[Model]) -> dict[str, SealedColumn]:
    """The columns that hold wrapped texts, but for those of blobs, which do not travel."""
    return _sealed_of(model, len(sealed_columns.columns()))


@lru_cache(maxsize=128)
def _sealed_of(model: type[Model], _number: int) -> dict[str, SealedColumn]:
    """Anew when there are others: they are registered one after the other when Django starts."""
    return {column.field: column for column in sealed_columns.columns() if column.model is model}


def _purpose(column: SealedColumn, row: Mapping[str, Any]) -> str:
    key = _key(column.model)
    return column.purpose(*(row[key] if name == "pk" else row[name] for name in column.bound_to))


def _opened(column: SealedColumn, row: Row) -> str:
    try:
        return sealing.unseal(row[column.field], _purpose(column, row))
    except Unavailable:  # nobody here can open it: it is as good as not there
        return ""


def marked(model: type[Model], row: Row, transport: Transport) -> Row:
    """The row for a digest: secrets only as marks."""
    return row | {name: transport.mark(row[name]) for name in sealed_of(model) if name in row}


def sent(model: type[Model], row: Row, transport: Transport) -> Row:
    """The row as it goes out."""
    sealed = sealed_of(model)
    return row | {name: transport.sealed(row[name], _place(model, row, name)) for name in sealed} if sealed else row


def received(model: type[Model], row: Row, transport: Transport) -> Row:
    """The row as it came in, secrets in clear; raises KeyError, ValueError, SecretBroken where it is none."""
    taken = {name: row[name] for name in schema(model)}
    sound_names.require(model, taken)
    for name in sealed_of(model):
        taken[name] = transport.opened(taken[name], _place(model, taken, name))
    return taken


def _place(model: type[Model], row: Row, name: str) -> str:
    return f"{places.label(model)}:{key_of(model, row)}:{name}"


def write(model: type[Model], rows: Iterable[Row], blobs: Mapping[str, int], kept: Mapping[int, Row]) -> int:
    """Insert rows with their keys; ``blobs`` are the keys of blobs by digest, ``kept`` the columns of this site's own.

    ``save()`` would give moments of now to columns that have their time of making.
    """
    fields = model._meta.local_concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places_of = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places_of})"  # noqa: S608  names of ours
    rows_of = _Writing(model, blobs, kept)
    values = [rows_of.values(row) for row in rows]
    with connection.cursor() as cursor:
        for start in range(0, len(values), _BATCH):
            cursor.executemany(statement, values[start : start + _BATCH])
    return len(values)


class _Writing:
    """Makes the values of an INSERT of rows that came."""

    def __init__(self, model: type[Model], blobs: Mapping[str, int], kept: Mapping[int, Row]) -> None:
        self._model, self._blobs, self._kept = model, blobs, kept
        self._sealed = sealed_of(model)
        self._database = connections[DEFAULT_DB_ALIAS]  # itself, because the proxy costs something for every value
        # What is just text or a truth is given on as it came: to ask the field costs more than the database does.
        self._columns = [
            (str(field.attname), field, _taken_as_is(field) if field.attname not in self._sealed else None)
            for field in model._meta.local_concrete_fields
        ]

    def values(self, row: Row) -> list[Any]:
        """In the order of the model's columns."""
        found = []
        for name, field, same in self._columns:
            if name not in row:
                own = self._kept.get(key_of(self._model, row), {})
                value = own[name] if name in own else field.get_default()
            else:
                value = row[name]
                if type(value) is same:
                    found.append(value)
                    continue
                value = self._value(name, field, row)
            found.append(field.get_db_prep_save(value, self._database))
        return found

    def _value(self, name: str, field: Field[Any, Any], row: Row) -> Any:
        value = row[name]
        if field.related_model is Blob:
            return self._blobs.get(value[0]) if value else None
        if name in self._sealed:
            return sealing.seal(value, _purpose(self._sealed[name], row))
        if value is not None and isinstance(field, DateTimeField):
            return datetime.fromisoformat(value)
        if value is not None and isinstance(field, UUIDField):
            return uuid.UUID(value)
        return value


def _taken_as_is(field: Field[Any, Any]) -> type | None:
    """The type of values that the field would leave as they are."""
    if type(field) in {CharField, TextField}:
        return str
    if type(field) is BooleanField:
        return bool
    is_number = isinstance(field, IntegerField | ForeignKey) and field.related_model is not Blob
    return int if is_number and connection.vendor == "sqlite" else None
