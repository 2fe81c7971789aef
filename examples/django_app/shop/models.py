"""The shop's own table: a project is there, or its use is not counted."""

from __future__ import annotations

from django.db import models


class Project(models.Model):
    """A project of an organisation."""

    owner = models.TextField()
    name = models.TextField()

    def __str__(self) -> str:
        """Give its name."""
        return str(self.name)
