import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0012_backups"),
    ]

    operations = [
        migrations.AddField(
            model_name="file",
            name="has_provenance",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="file",
            name="is_hidden",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="file",
            name="is_unhashed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="file",
            name="blob",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="indexapp.blob",
            ),
        ),
        migrations.AlterField(
            model_name="release",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.CreateModel(
            name="MirroredFile",
            fields=[
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mirrored",
                        serialize=False,
                        to="indexapp.file",
                    ),
                ),
                ("url", models.TextField()),
                ("digests", models.JSONField(default=dict)),
                ("metadata_digests", models.JSONField(blank=True, null=True)),
                ("provenance_url", models.TextField(blank=True)),
                ("address_digest", models.CharField(blank=True, max_length=64)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                ("conflict", models.CharField(blank=True, max_length=300)),
                ("conflict_at", models.DateTimeField(blank=True, null=True)),
                ("fetched_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("is_pinned", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("address_digest", ""), _negated=True),
                        fields=["address_digest"],
                        name="mirrored_by_address",
                    ),
                    models.Index(
                        condition=models.Q(("fetched_at__isnull", False)),
                        fields=["last_used_at"],
                        name="mirrored_by_use",
                    ),
                    models.Index(
                        condition=models.Q(("conflict_at__isnull", False)),
                        fields=["conflict_at"],
                        name="mirrored_conflicts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Upstream",
            fields=[
                (
                    "index",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="upstream",
                        serialize=False,
                        to="indexapp.index",
                    ),
                ),
                ("url", models.CharField(blank=True, max_length=500)),
                ("page_seconds", models.PositiveIntegerField(default=600)),
                ("missing_seconds", models.PositiveIntegerField(default=300)),
                (
                    "on_removal",
                    models.CharField(
                        choices=[("hide", "Follow: hide it here too"), ("keep", "Keep it, and tell of it")],
                        default="keep",
                        max_length=4,
                    ),
                ),
                (
                    "on_yank",
                    models.CharField(
                        choices=[("hide", "Follow: hide it here too"), ("keep", "Keep it, and tell of it")],
                        default="hide",
                        max_length=4,
                    ),
                ),
                (
                    "on_quarantine",
                    models.CharField(
                        choices=[("hide", "Follow: hide it here too"), ("keep", "Keep it, and tell of it")],
                        default="hide",
                        max_length=4,
                    ),
                ),
                ("is_offline", models.BooleanField(default=False)),
                ("is_frozen", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("on_quarantine__in", ["hide", "keep"]),
                            ("on_removal__in", ["hide", "keep"]),
                            ("on_yank__in", ["hide", "keep"]),
                        ),
                        name="upstream_follow_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MirroredProject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("normalized_name", models.CharField(max_length=128)),
                ("etag", models.CharField(blank=True, max_length=500)),
                ("last_modified", models.CharField(blank=True, max_length=100)),
                ("upstream_serial", models.BigIntegerField(blank=True, null=True)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("fresh_until", models.DateTimeField(blank=True, null=True)),
                ("asked_until", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("is_gone", models.BooleanField(default=False)),
                (
                    "index",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mirrored_projects",
                        to="indexapp.index",
                    ),
                ),
                (
                    "project",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="mirrored",
                        to="indexapp.project",
                    ),
                ),
            ],
            options={
                "ordering": ["normalized_name"],
                "constraints": [
                    models.UniqueConstraint(fields=("index", "normalized_name"), name="mirrored_project_once")
                ],
            },
        ),
    ]
