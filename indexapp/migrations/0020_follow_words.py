"""The words of what a mirror does when its upstream takes something back; no table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0019_hold_cursor"),
    ]

    operations = [
        migrations.AlterField(
            model_name="upstream",
            name="on_quarantine",
            field=models.CharField(
                choices=[("hide", "Follow the upstream"), ("keep", "Keep it as it was, and tell of it")],
                default="hide",
                max_length=4,
            ),
        ),
        migrations.AlterField(
            model_name="upstream",
            name="on_removal",
            field=models.CharField(
                choices=[("hide", "Follow the upstream"), ("keep", "Keep it as it was, and tell of it")],
                default="keep",
                max_length=4,
            ),
        ),
        migrations.AlterField(
            model_name="upstream",
            name="on_yank",
            field=models.CharField(
                choices=[("hide", "Follow the upstream"), ("keep", "Keep it as it was, and tell of it")],
                default="hide",
                max_length=4,
            ),
        ),
    ]
