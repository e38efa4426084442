"""Marks that the secrets of directories and audit sinks are sealed for the place that they go to.

That takes the key ring, which migrations do not know: ``manage.py migrate`` and ``prepare`` do it before they apply this.
"""

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing of the schema.  Nodes of a release before say that they cannot open these secrets until they are replaced."""

    dependencies = [("accounts", "0014_nodes")]

    operations = []
