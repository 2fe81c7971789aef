"""The providers that come with Tallystick, and those of third parties, by their names."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.intent import ProviderAccount
from tallystick.core.property import shown
from tallystick.core.provider import Abilities
from tallystick.errors import NotFound, SetupError
from tallystick.providers.manual import ABILITIES as MANUAL
from tallystick.providers.manual import Manual
from tallystick.providers.stripe.abilities import ABILITIES as STRIPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tallystick.core.lock import Lock
    from tallystick.ports import EventSource, Provider

__all__ = ["ABILITIES", "GROUP", "event_source_of", "provider_named", "providers_of"]

ABILITIES: Final[Mapping[str, Abilities]] = {each.name: each for each in (MANUAL, STRIPE)}
"""What each provider declares of itself, by name."""

GROUP: Final = "tallystick.providers"
"""The group of entry points in which a third party names its provider."""

_SETTING: Final = "TALLYSTICK_PROVIDERS"
_SECRETS: Final = "TALLYSTICK_STRIPE_WEBHOOK_SECRETS"
_ASKED_OF_SOURCE: Final = ("read", "told", "fetch")
_CALLS: Final = ("collect", "refund", "look_up", "cancel")


def _stripe(lock: Lock | None) -> Provider:
    # The SDK takes a moment to be imported, and is there only with the extra.
    from tallystick.providers.stripe.provider import Stripe  # noqa: PLC0415 - needs the SDK
    from tallystick.providers.stripe.settings import settings_from  # noqa: PLC0415 - with it

    return Stripe(settings_from(), lock)


_OURS: Final[Mapping[str, Callable[[Lock | None], Provider]]] = {
    "manual": lambda _: Manual(),
    "stripe": _stripe,
}


def _no_lock() -> Lock | None:
    return None


def providers_of(
    asked: Iterable[Provider | str] | None, lock: Callable[[], Lock | None] = _no_lock
) -> dict[str, Provider]:
    """Give providers by their names: those that are asked for, and `manual` in any case.

    A text is the name of one of ours, or of an entry point of the group.  Where None are asked for,
    those that TALLYSTICK_PROVIDERS names, separated by commas.  `lock` reads the lock of prices of
    one of ours that is named.

    Raises SetupError for one that is not installed or is none, and for two of one name.
    """
    if isinstance(asked, str):
        raise SetupError("providers is a list of providers, or of their names")
    if asked is None:
        names = os.environ.get(_SETTING, "").split(",")
        asked = [name.strip() for name in names if name.strip()]
    found: dict[str, Provider] = {}
    for each in asked:
        provider = _named(each, lock) if isinstance(each, str) else each
        name = _name_of(provider)
        if name in found:
            raise SetupError(f"two providers are called {name!r}: leave one out")
        found[name] = provider
    return {"manual": Manual(), **found}


def provider_named(providers: Mapping[str, Provider], name: object) -> Provider:
    """Give one of the providers by its name.  Raises NotFound."""
    found = providers.get(name) if isinstance(name, str) else None
    if found is None:
        known = ", ".join(sorted(providers))
        raise NotFound("provider", f"{name if isinstance(name, str) else shown(name)} ({known})")
    return found


def event_source_of(asked: EventSource | None) -> EventSource | None:
    """Give who tells of events: who is asked for, else Stripe where its secrets are set.

    Raises SetupError for what is none, and where Stripe's settings cannot be used.
    """
    if asked is None:
        if _SECRETS not in os.environ:
            return None
        from tallystick.providers.stripe.events import StripeEvents  # noqa: PLC0415 - needs the SDK
        from tallystick.providers.stripe.settings import settings_from  # noqa: PLC0415 - with it

        return StripeEvents(settings_from())
    if not isinstance(getattr(asked, "account", None), ProviderAccount) or not all(
        callable(getattr(asked, call, None)) for call in _ASKED_OF_SOURCE
    ):
        raise SetupError(
            f"{shown(asked)} is no source of events: it needs a name, an account,"
            f" {', '.join(_ASKED_OF_SOURCE)}"
        )
    return asked


def _named(name: str, lock: Callable[[], Lock | None]) -> Provider:
    ours = _OURS.get(name)
    if ours is not None:
        provider = ours(lock() if name == STRIPE.name else None)
    else:
        entry = next(iter(entry_points(group=GROUP, name=name)), None)
        if entry is None:
            raise SetupError(
                f"there is no provider {shown(name)}: no package that is installed has it among its"
                f" entry points {GROUP!r}"
            )
        provider = entry.load()()
    if _name_of(provider) != name:
        raise SetupError(f"the provider {name!r} calls itself {_name_of(provider)!r}")
    return provider


def _name_of(provider: Any) -> str:  # noqa: ANN401 - what a host gives is looked at here
    abilities = getattr(provider, "abilities", None)
    account = getattr(provider, "account", None)
    calls = all(callable(getattr(provider, call, None)) for call in _CALLS)
    if (
        not isinstance(abilities, Abilities)
        or not isinstance(account, ProviderAccount)
        or not calls
    ):
        raise SetupError(
            f"{shown(provider)} is no provider: it needs abilities, account, {', '.join(_CALLS)}"
        )
    return abilities.name
