"""The projects."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the table."""

    initial = True
    operations: ClassVar = [
        migrations.CreateModel(
            name="Project",
            fields=[
                (
                    "id",
                    models.BigAutoField("ID", primary_key=True, serialize=False, auto_created=True),
                ),
                ("owner", models.TextField()),
                ("name", models.TextField()),
            ],
        ),
    ]
