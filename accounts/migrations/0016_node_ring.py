"""Nodes tell which keys they have, so that a rotation leaves none behind."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_bound_secrets"),
    ]

    operations = [
        migrations.AddField(
            model_name="node",
            name="ring",
            field=models.JSONField(default=None, null=True),
        ),
    ]
