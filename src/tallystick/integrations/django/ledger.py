"""`tally`: the ledger of a Django project, on Django's own connection."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed
from django.utils.functional import LazyObject, empty

from tallystick.errors import SetupError
from tallystick.facade.aio import Threads, awaitable
from tallystick.integrations.django.connection import in_hosts_transaction
from tallystick.integrations.django.settings import NAME, Settings, read_settings
from tallystick.integrations.django.storage import DjangoStorage
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.snapshot import Entitlements

    _LazyLedger = LazyObject["Ledger"]
else:
    _LazyLedger = LazyObject

__all__ = ["Ledger", "tally"]

_building: Final = Lock()


class Ledger(Tallystick):
    """A ledger whose records stand in the same transaction as the project's own.

    Inside `atomic()` every call is part of the host's transaction: what is rolled back there was
    not used, and `on_commit` runs once it is committed.  Outside of it each call commits by itself.
    `aio` runs where Django runs its own synchronous code.
    """

    def __init__(self, settings: Settings) -> None:
        """Open it by a project's settings; nothing is connected to yet.

        Raises SetupError, InvalidCatalog, CatalogNotFound, UnknownPlan.
        """
        storage = DjangoStorage(settings.database)
        super().__init__(
            storage.engine,
            catalog=settings.catalog,
            default_plan=settings.default_plan,
            clock=settings.clock,
        )
        self.settings, self.storage = settings, storage
        self.aio = awaitable(self, _WhereDjangoIs())

    def lease(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a block that is taken in a transaction may be undone while it is given out.

        Raises SetupError.
        """
        raise SetupError(
            "a lease needs a connection of its own: take it from another ledger on the same "
            "database, Tallystick('postgresql://…')"
        )

    def _kept(self) -> OrderedDict[str, tuple[float, Entitlements]]:
        """Remember nothing that the host's transaction may undo."""
        return OrderedDict() if in_hosts_transaction(self.settings.database) else super()._kept()


class _WhereDjangoIs(Threads):
    """The thread in which Django runs synchronous code of an async view, with its connections."""

    async def run(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - of every call
        """Run a call there."""
        return await sync_to_async(call)()


class _Lazy(_LazyLedger):
    """The ledger of the settings, made at its first use, and anew where a test changes them."""

    _wrapped: Any

    def _setup(self) -> None:
        with _building:
            if self._wrapped is empty:
                self._wrapped = Ledger(read_settings())

    def forget(self) -> None:
        """Read the settings again at the next use."""
        self._wrapped = empty


_lazy: Final = _Lazy()
tally: Final = cast("Ledger", _lazy)
"""The ledger of this project; nothing is read or connected to before its first use."""


def _settings_changed(*, setting: str, **_: object) -> None:
    if setting in {NAME, "DATABASES"}:
        _lazy.forget()


setting_changed.connect(_settings_changed, dispatch_uid="tallystick")
