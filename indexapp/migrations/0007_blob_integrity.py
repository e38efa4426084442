from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0005_blob_keys"),
    ]

    operations = [
        migrations.AddField("blob", "damaged_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("blob", "damage", models.CharField(blank=True, db_default="", max_length=200)),
        migrations.AddField("blob", "unreferenced_since", models.DateTimeField(blank=True, null=True)),
        migrations.AddIndex(
            model_name="blob",
            index=models.Index(condition=models.Q(("damaged_at__isnull", False)), fields=["id"], name="blob_damaged"),
        ),
    ]
