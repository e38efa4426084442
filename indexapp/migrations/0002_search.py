"""What each database needs for full-text search and for sorting versions as plain text."""

from django.db import migrations

_SQLITE = [
    "CREATE VIRTUAL TABLE indexapp_search USING fts5(name, summary, tokenize='unicode61', prefix='2 3')",
]
_POSTGRESQL = [
    "CREATE INDEX indexapp_search ON indexapp_project USING gin"
    " (to_tsvector('simple', COALESCE(name, '') || ' ' || COALESCE(summary, '')))",
    'ALTER TABLE indexapp_release ALTER COLUMN sort_key TYPE varchar(300) COLLATE "C"',
]


def forwards(apps, schema_editor):
    statements = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[schema_editor.connection.vendor]
    for statement in statements:
        schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE indexapp_search")
    else:
        schema_editor.execute("DROP INDEX indexapp_search")


class Migration(migrations.Migration):
    dependencies = [("indexapp", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
