"""A fake Stripe that can be brought back to its start as often as one likes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe import FakeStripe

__all__ = ["KeptFake"]

_FORGETS: Final = frozenset({"clock", "faults", "api_key", "site", "id"})


class KeptFake:
    """What a fake held when it was kept: its objects, and the keys that it has seen."""

    def __init__(self, fake: FakeStripe) -> None:
        account = vars(fake.account)
        told = {name: each for name, each in account.items() if name not in _FORGETS}
        self._fake = fake
        self._kept: Any = copy.deepcopy((told, fake._desk._keys._kept))

    def restore(self) -> None:
        """Bring it back; nothing goes wrong there from then on."""
        told, keys = copy.deepcopy(self._kept)
        vars(self._fake.account).update(told)
        self._fake._desk._keys._kept = keys
        self._fake.account.faults.clear()
