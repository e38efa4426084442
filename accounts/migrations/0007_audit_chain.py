"""The audit log becomes evidence: append-only by triggers, chained, with signed checkpoints."""

import django.core.validators
from django.db import migrations, models

APPEND_ONLY = ("accounts_auditentry", "accounts_auditlink", "accounts_auditcheckpoint")
REFUSAL = "The audit log is append-only."


class DetailField(models.JSONField):
    """The model's field as this migration needs it: JSON in a column of text."""

    def db_type(self, connection):
        return "text"

    def deconstruct(self):
        """The model's field to whoever compares the migrations with the models."""
        name, _, arguments, options = super().deconstruct()
        return name, "accounts.models.audit.DetailField", arguments, options


def guard(apps, editor):
    """Refuse changes and deletions, and note each new entry for the chain; entries of before wait for it too."""
    {"sqlite": _guard_sqlite, "postgresql": _guard_postgresql}[editor.connection.vendor](editor)
    editor.execute("INSERT INTO accounts_auditpending (entry_id) SELECT id FROM accounts_auditentry", params=None)


def _guard_sqlite(editor):
    for table in APPEND_ONLY:
        for act in ("UPDATE", "DELETE"):
            editor.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
                params=None,
            )
    editor.execute(
        "CREATE TRIGGER accounts_auditentry_waits AFTER INSERT ON accounts_auditentry "
        "BEGIN INSERT INTO accounts_auditpending (entry_id) VALUES (NEW.id); END",
        params=None,
    )


def _guard_postgresql(editor):
    editor.execute(
        "CREATE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$",
        params=None,
    )
    for table in APPEND_ONLY:
        editor.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse()",
            params=None,
        )
        editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()",
            params=None,
        )
    editor.execute(
        "CREATE FUNCTION accounts_audit_wait() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO accounts_auditpending (entry_id) VALUES (NEW.id); RETURN NULL; END $$",
        params=None,
    )
    editor.execute(
        "CREATE TRIGGER accounts_auditentry_waits AFTER INSERT ON accounts_auditentry "
        "FOR EACH ROW EXECUTE FUNCTION accounts_audit_wait()",
        params=None,
    )


def unguard(apps, editor):
    """Take the triggers away again; the tables themselves go by the operations before."""
    if editor.connection.vendor == "sqlite":
        for table in APPEND_ONLY:
            for act in ("update", "delete"):
                editor.execute(f"DROP TRIGGER {table}_no_{act}", params=None)
        editor.execute("DROP TRIGGER accounts_auditentry_waits", params=None)
        return
    editor.execute("DROP FUNCTION accounts_audit_refuse() CASCADE", params=None)
    editor.execute("DROP FUNCTION accounts_audit_wait() CASCADE", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size", models.BigIntegerField(unique=True)),
                ("note", models.TextField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-size"],
            },
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="AuditPending",
            fields=[
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="AuditSink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9]([a-z0-9-]*[a-z0-9])?\\Z",
                                "Use lower-case letters, digits and hyphens, beginning and ending with a letter or digit.",
                                code="name-invalid",
                            )
                        ],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("syslog-tls", "Syslog over TLS"),
                            ("http", "HTTP, signed"),
                            ("file", "File in the data folder"),
                        ],
                        max_length=12,
                    ),
                ),
                ("address", models.CharField(max_length=500)),
                (
                    "format",
                    models.CharField(
                        choices=[("json", "JSON"), ("cef", "CEF"), ("ocsf", "OCSF")], default="json", max_length=8
                    ),
                ),
                ("action_prefixes", models.JSONField(blank=True, default=list)),
                ("ca_certificates", models.TextField(blank=True)),
                ("secret", models.TextField(blank=True, editable=False)),
                ("enabled", models.BooleanField(default=True)),
                ("cursor", models.BigIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_ok_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("failure", models.CharField(blank=True, editable=False, max_length=500)),
                ("next_try_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("leased_until", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="reason",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="detail",
            field=DetailField(blank=True, default=dict),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["at"], name="audit_by_time"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["request_id"], name="audit_by_request"),
        ),
        migrations.RunPython(guard, unguard),
    ]
