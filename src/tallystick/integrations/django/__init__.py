"""Django: limits in views and templates, and a ledger in the project's own transactions.

`"tallystick.integrations.django"` stands among INSTALLED_APPS; `manage.py migrate` makes our
tables.
"""

from __future__ import annotations

from tallystick.integrations.django.gates import (
    customer_of,
    quota,
    require_feature,
    requires_scopes,
    use,
)
from tallystick.integrations.django.ledger import tally

__all__ = ["customer_of", "quota", "require_feature", "requires_scopes", "tally", "use"]
