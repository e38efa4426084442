from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def open_accounts(apps: Any, schema_editor: Any) -> None:
    """One account for each index, with what its projects hold."""
    Index, Quota = apps.get_model("indexapp", "Index"), apps.get_model("indexapp", "Quota")
    sizes = Index.objects.order_by().annotate(held=models.Sum("projects__total_size")).values_list("pk", "held")
    Quota.objects.bulk_create([Quota(index_id=pk, used=held or 0) for pk, held in sizes])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_switched_off_directories"),
        ("indexapp", "0009_scrub"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="projects",
                to="accounts.team",
            ),
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("used", models.BigIntegerField(db_default=0, default=0)),
                ("soft_limit", models.BigIntegerField(blank=True, null=True)),
                ("hard_limit", models.BigIntegerField(blank=True, null=True)),
                ("is_soft_told", models.BooleanField(db_default=False, default=False)),
                (
                    "index",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to="indexapp.index",
                    ),
                ),
                (
                    "team",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("index__isnull", True), ("team__isnull", True), _connector="XOR"),
                        name="quota_has_one_holder",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("soft_limit__isnull", True), ("soft_limit__gt", 0), _connector="OR"),
                        name="quota_soft_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hard_limit__isnull", True), ("hard_limit__gt", 0), _connector="OR"),
                        name="quota_hard_positive",
                    ),
                ],
            },
        ),
        migrations.RunPython(open_accounts, migrations.RunPython.noop),
    ]
