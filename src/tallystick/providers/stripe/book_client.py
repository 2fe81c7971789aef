"""Asking Stripe for its price list, and carrying steps out, each once however often it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.intent import ProviderAccount
from tallystick.errors import MissingExtra, TallystickError
from tallystick.providers.stripe.book_found import found_of
from tallystick.providers.stripe.book_lock import lock_after
from tallystick.providers.stripe.book_params import changed_params, key_of_step, new_params
from tallystick.providers.stripe.client import our_errors

try:
    import stripe
except ImportError as error:
    raise MissingExtra("selling through Stripe", "stripe") from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Found, Kind, Step

__all__ = ["Book"]

_MOST: Final = 100
_TURNS: Final = 20
_EXPANDED: Final[Mapping[Kind, list[str]]] = {
    "price": ["data.tiers"],
    "coupon": ["data.applies_to"],
}


@dataclass(frozen=True, slots=True)
class Book:
    """The price list of one account of Stripe.

    A question that stays without an answer raises OutcomeUnknown: the same command again is safe.
    """

    client: stripe.StripeClient
    live: bool = False

    def account(self) -> tuple[ProviderAccount, str]:
        """Give the account that the key is of, and the name by which people know it."""
        with our_errors("account"):
            tree = self.client.v1.accounts.retrieve_current().to_dict()
        profile, settings = tree.get("business_profile") or {}, tree.get("settings") or {}
        name = (settings.get("dashboard") or {}).get("display_name") or profile.get("name") or ""
        return ProviderAccount(id=tree["id"], live=self.live), name

    def held(self) -> tuple[Found, ...]:
        """List everything that the price list could be made of, what is archived too."""
        trees: list[tuple[Kind, dict[str, Any]]] = []
        for kind in _SERVICES:
            params: dict[str, Any] = {"limit": _MOST}
            if kind in _EXPANDED:
                params["expand"] = _EXPANDED[kind]
            with our_errors(f"list of {kind}s"):
                pages = self.service(kind).list(params).auto_paging_iter()
                trees += [(kind, each.to_dict()) for each in pages]
        first = {tree.get("default_price") for kind, tree in trees if kind == "product"}
        found = (found_of(kind, tree) for kind, tree in trees)
        return tuple(replace(each, default=each.id in first) for each in found)

    def in_use(self, prices: Iterable[str]) -> frozenset[str]:
        """Give those of the prices that a subscription pays, which has not ended."""
        return frozenset(id_ for id_ in prices if self._pays(id_))

    def carry_out(self, step: Step, lock: Lock) -> Lock:
        """Do one step, and give the lock file after it.

        Raises OutcomeUnknown, Conflict with Stripe's words, SetupError.
        """
        if step.verb == "create":
            params = new_params(step, lock)
            done: Found | None = self._made(step, params, lock)
        elif step.verb == "update":
            done = self._changed(step, changed_params(step))
        elif step.verb == "archive":
            done = self._archived(step, lock)
        else:
            done = step.found
        return lock_after(lock, step, done)

    def service(self, kind: Kind) -> Any:  # noqa: ANN401 - of five classes that have no common one
        """Give the SDK's service of a kind."""
        service: Any = self.client.v1
        for name in _SERVICES[kind].split("."):
            service = getattr(service, name)
        return service

    def _made(self, step: Step, params: dict[str, Any], lock: Lock) -> Found:
        """Make an object, under the first key that Stripe does not keep an old error under.

        What an earlier run may have left was looked for when the lists were read.
        """
        turn = 0
        while True:
            key = key_of_step(step, params, lock, turn)
            try:
                with our_errors(step.kind, step.key):
                    made = self.service(step.kind).create(params, {"idempotency_key": key})
            except TallystickError as error:
                if turn == _TURNS or not _kept(error.__cause__):
                    raise
                turn += 1
            else:
                return found_of(step.kind, self._whole(step.kind, made.id))

    def _changed(self, step: Step, params: dict[str, Any]) -> Found:
        assert step.found is not None, "what is changed was found"  # noqa: S101
        service, id_ = self.service(step.kind), step.found.id
        with our_errors(step.kind, id_):
            if step.kind == "meter" and params.pop("active", False):
                service.reactivate(id_)
            if params:
                service.update(id_, params)
        return found_of(step.kind, self._whole(step.kind, id_))

    def _archived(self, step: Step, lock: Lock) -> Found:
        assert step.found is not None, "what is archived was found"  # noqa: S101
        held = lock.prices.get(step.key)
        if step.found.default and held is not None and step.found.product is not None:
            with our_errors("product", step.found.product):
                first = {"default_price": held.provider_id}
                self.client.v1.products.update(step.found.product, first)  # type: ignore[arg-type]  # a table of the SDK
        return self._changed(step, {"active": False})

    def _whole(self, kind: Kind, id_: str) -> dict[str, Any]:
        expand = [name.removeprefix("data.") for name in _EXPANDED.get(kind, ())]
        with our_errors(kind, id_):
            tree: dict[str, Any] = (
                self.service(kind).retrieve(id_, {"expand": expand} if expand else {}).to_dict()
            )
        return tree

    def _pays(self, price: str) -> bool:
        with our_errors("price", price):
            found = self.client.v1.subscriptions.list({"price": price, "limit": 1})
        return bool(found.data)


_SERVICES: Final[Mapping[Kind, str]] = {
    "meter": "billing.meters",
    "product": "products",
    "price": "prices",
    "coupon": "coupons",
    "promotion_code": "promotion_codes",
}


def _kept(cause: BaseException | None) -> bool:
    """Whether an error is one that Stripe has kept under the key since an earlier call."""
    headers = (cause.headers or {}) if isinstance(cause, stripe.StripeError) else {}
    return {name.lower(): value for name, value in headers.items()}.get(
        "idempotent-replayed"
    ) == "true"
