import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0008_blob_plain"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScrubCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("blobs", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("last_run_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="blob",
            name="verified_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="blob",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce("verified_at", "created_at"),
                models.F("id"),
                condition=models.Q(("damaged_at__isnull", True)),
                name="blob_by_verification",
            ),
        ),
    ]
