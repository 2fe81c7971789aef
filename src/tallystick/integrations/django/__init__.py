"""Django: limits in views and templates, and a ledger in the project's own transactions.

`"tallystick.integrations.django"` stands among INSTALLED_APPS; `manage.py migrate` makes our
tables.
"""

from __future__ import annotations

from tallystick.errors import MissingExtra, SetupError

try:
    from django import VERSION
except ImportError as error:
    raise MissingExtra("tallystick.integrations.django", "django") from error

if VERSION < (5, 2):
    raise SetupError("Django 5.2 or newer is needed")

from tallystick.integrations.django.gates import (
    customer_of,
    quota,
    require_feature,
    requires_scopes,
    use,
)
from tallystick.integrations.django.ledger import tally

__all__ = ["customer_of", "quota", "require_feature", "requires_scopes", "tally", "use"]
