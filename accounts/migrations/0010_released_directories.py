"""Directories that have left the environment's variables; the words of a choice, which no table holds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Expand only."""

    dependencies = [("accounts", "0009_audit_filters")]

    operations = [
        migrations.AlterField(
            model_name="directory",
            name="origin",
            field=models.CharField(
                choices=[
                    ("console", "Console"),
                    ("environment", "Environment"),
                    ("released", "Console, formerly the environment"),
                ],
                default="console",
                editable=False,
                max_length=12,
            ),
        ),
    ]
