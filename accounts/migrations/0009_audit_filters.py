"""Indexes for the filters of the audit log; adding one leaves the table and its triggers as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Expand only."""

    dependencies = [("accounts", "0008_directory_removal")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["token_key_id", "-id"], name="audit_by_token"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["address", "-id"], name="audit_by_address"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["action", "-id"], name="audit_by_action"),
        ),
    ]
