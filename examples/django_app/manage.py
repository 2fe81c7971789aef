"""A Django project with limits: `python examples/django_app/manage.py serve`.

Who asks is told by the header `x-org`; a project of yours would read its session.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(sys.argv)
