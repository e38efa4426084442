"""Directories that were off before the moment of switching off was kept: their people's grace begins with the upgrade."""

from django.db import migrations
from django.db.models import F
from django.utils import timezone


def forwards(apps, schema_editor):
    directories = apps.get_model("accounts", "Directory").objects.filter(enabled=False, removal=None)
    if directories.filter(failing_since=None).update(failing_since=timezone.now(), failure="Switched off."):
        apps.get_model("accounts", "Generation").objects.filter(name="access").update(value=F("value") + 1)


class Migration(migrations.Migration):
    """Rows alone; going back leaves them, since the moment says nothing to what was there before."""

    dependencies = [("accounts", "0010_released_directories")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
