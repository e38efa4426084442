from __future__ import annotations

from collections import Counter

from django.apps import apps

from indexapp.models import Blob, Change
from indexapp.services.replication import columns, places


def test_every_model_of_ours_travels_in_one_way_or_is_said_not_to() -> None:
    named = Counter(
        [
            *(part.model for part in places.OF_PROJECT),
            *(table.model for table in places.TABLES),
            *places.LOCAL,
        ]
    )
    ours = {
        model
        for app in ("accounts", "indexapp")
        for model in apps.get_app_config(app).get_models()
        if not model._meta.proxy
    }
    assert set(named) == ours
    assert set(named.values()) == {1}
    assert all(places.LOCAL.values())


def test_nothing_that_travels_refers_to_what_does_not() -> None:
    travelling = set(places.replicated())
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in travelling
        for field in model._meta.local_concrete_fields
        if field.related_model is not None and field.related_model not in travelling | {Blob}
    ]
    assert wrong == []


def test_a_table_comes_after_what_it_refers_to() -> None:
    order = [table.model for table in places.TABLES]
    together = {("User", "Team"), ("Team", "User")}
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in order
        for field in model._meta.local_concrete_fields
        if field.related_model in order
        and order.index(field.related_model) > order.index(model)
        and (model.__name__, field.related_model.__name__) not in together
    ]
    assert wrong == []


def test_the_columns_of_a_sites_own_exist() -> None:
    for table in places.TABLES:
        names = {field.name for field in table.model._meta.local_concrete_fields}
        attributes = {field.attname for field in table.model._meta.local_concrete_fields}
        assert set(table.here) <= names
        assert set(table.version) <= attributes


def test_a_digest_that_a_token_has_travels_and_when_it_was_used_does_not() -> None:
    token = places.BY_LABEL["accounts.token"].model
    assert {"key_id", "digest", "user_id"} <= set(columns.schema(token))
    assert "last_used_at" not in columns.schema(token)
    assert columns.schema(Change)[0] == "serial"
