from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_switched_off_directories"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyEvent",
            fields=[],
            options={
                "verbose_name": "key event",
                "verbose_name_plural": "encryption",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("accounts.auditentry",),
        ),
    ]
