from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indexapp", "0007_blob_integrity"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="blob",
            index=models.Index(condition=models.Q(("sealed_key", "")), fields=["id"], name="blob_plain"),
        ),
    ]
