import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_switched_off_directories"),
        ("indexapp", "0010_quotas"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Trashed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("project", "Project"), ("release", "Release"), ("file", "File")], max_length=8
                    ),
                ),
                ("project_key", models.BigIntegerField()),
                ("project_name", models.CharField(max_length=128)),
                ("normalized_name", models.CharField(max_length=128)),
                ("confusable_key", models.CharField(blank=True, max_length=128)),
                ("version", models.CharField(blank=True, max_length=128)),
                ("filename", models.CharField(blank=True, max_length=255)),
                ("size", models.BigIntegerField(default=0)),
                ("files_count", models.PositiveIntegerField(default=0)),
                ("project_row", models.JSONField(blank=True, default=dict)),
                ("deleted_at", models.DateTimeField(auto_now_add=True)),
                ("deleted_by", models.CharField(max_length=150)),
                (
                    "index",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trash", to="indexapp.index"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "verbose_name": "deleted thing",
                "verbose_name_plural": "trash",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="TrashedFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("filename", models.CharField(max_length=255)),
                ("row", models.JSONField()),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trashed", to="indexapp.blob"
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="files", to="indexapp.trashed"
                    ),
                ),
                (
                    "metadata_blob",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trashed_metadata_of",
                        to="indexapp.blob",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TrashedRelease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("row", models.JSONField()),
                ("description", models.JSONField(blank=True, null=True)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="releases", to="indexapp.trashed"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TrashedRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verbs", models.PositiveSmallIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roles", to="indexapp.trashed"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
                (
                    "through",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="trashed",
            index=models.Index(fields=["deleted_at"], name="trashed_by_age"),
        ),
        migrations.AddIndex(
            model_name="trashed",
            index=models.Index(fields=["project_key"], name="trashed_of_project"),
        ),
        migrations.AddIndex(
            model_name="trashed",
            index=models.Index(fields=["index", "confusable_key"], name="trashed_confusable"),
        ),
        migrations.AddConstraint(
            model_name="trashed",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["project", "release", "file"])), name="trashed_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="trashed",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "project")),
                fields=("index", "normalized_name"),
                name="trashed_project_once_per_index",
            ),
        ),
    ]
