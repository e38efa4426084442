import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0016_mirror_bytes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Merge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("normalized_name", models.CharField(max_length=128)),
                ("reason", models.TextField()),
                ("created_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("revoked_by", models.CharField(blank=True, max_length=150)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AlterModelOptions(
            name="upstream",
            options={"ordering": ["index_id"]},
        ),
        migrations.AddField(
            model_name="mirroredproject",
            name="is_held",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="upstream",
            name="ca_certificates",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="client_certificate",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="client_key",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="upstream",
            name="failing_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="failure",
            field=models.CharField(blank=True, editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name="upstream",
            name="password",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="upstream",
            name="proxy_password",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="upstream",
            name="proxy_url",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="upstream",
            name="username",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddIndex(
            model_name="mirroredproject",
            index=models.Index(
                condition=models.Q(("failure", ""), _negated=True), fields=["index"], name="mirrored_project_failing"
            ),
        ),
        migrations.AddField(
            model_name="merge",
            name="group",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="merges", to="indexapp.index"
            ),
        ),
        migrations.AddConstraint(
            model_name="merge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at", None)), fields=("group", "normalized_name"), name="merge_once"
            ),
        ),
    ]
