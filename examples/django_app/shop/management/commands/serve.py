"""`manage.py serve`: make the tables, then answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management import call_command
from django.core.management.base import BaseCommand

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Migrates, and serves at an address."""

    help = "Migrate, and serve."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address, as `runserver` does."""
        parser.add_argument("address", nargs="?", default="127.0.0.1:8000")

    def handle(self, *_: object, **options: object) -> None:
        """Do both."""
        call_command("migrate")
        call_command("runserver", str(options["address"]), use_reloader=False)
