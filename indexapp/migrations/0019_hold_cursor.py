"""Columns: the number of the last file that was approved, records that an import could not use, and whether a prefetch pins."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

_AT_ONCE = 500


def carry_over(apps: Any, schema_editor: Any) -> None:
    """Take over what stands as text in the file name's column."""
    holds = apps.get_model("indexapp", "PolicyHold").objects.using(schema_editor.connection.alias)
    batch = []
    for row in holds.exclude(filename="").only("pk", "filename").order_by("pk").iterator(chunk_size=_AT_ONCE):
        if row.filename.isascii() and row.filename.isdigit():
            row.approved_upto = int(row.filename)
            batch.append(row)
        if len(batch) >= _AT_ONCE:
            holds.bulk_update(batch, ["approved_upto"])
            batch = []
    holds.bulk_update(batch, ["approved_upto"])


class Migration(migrations.Migration):
    dependencies = [("indexapp", "0018_prefetch")]

    operations = [
        migrations.AddField("advisoryimport", "unusable", models.JSONField(blank=True, db_default=[], default=list)),
        migrations.AddField(
            "prefetchjob", "is_pinning", models.BooleanField(db_default=False, default=False, verbose_name="pins")
        ),
        migrations.AddField("policyhold", "approved_upto", models.BigIntegerField(blank=True, null=True)),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
