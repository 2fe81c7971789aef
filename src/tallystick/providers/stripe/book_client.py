"""Asking Stripe for its price list, and carrying steps out, each once however often it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.intent import ProviderAccount
from tallystick.errors import MissingExtra, TallystickError
from tallystick.providers.stripe.book import KINDS
from tallystick.providers.stripe.book_found import found_of
from tallystick.providers.stripe.book_lock import lock_after
from tallystick.providers.stripe.book_params import changed_params, key_of_step, new_params
from tallystick.providers.stripe.client import our_errors

try:
    import stripe
except ImportError as error:
    raise MissingExtra("selling through Stripe", "stripe") from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tallystick.core.lock import Lock, LockedPrice
    from tallystick.providers.stripe.book import Found, Kind, Step

__all__ = ["Book"]

_MOST: Final = 100
_TURNS: Final = 20
_EXPANDED: Final[Mapping[Kind, str]] = {"price": "tiers", "coupon": "applies_to"}
_FILTERS: Final[Mapping[Kind, tuple[dict[str, Any], ...]]] = {
    # Stripe lists only those that are active where nothing is said.
    "price": ({"active": False}, {"active": True}),
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
        trees = [(kind, tree) for kind in KINDS for tree in self._list(kind)]
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
        done = step.found
        if step.verb == "create" and step.wanted is not None:
            done = self._made(step, new_params(step.wanted, lock, again=step.instead), lock)
        elif step.verb == "update" and done is not None:
            done = self._changed(done, changed_params(step))
        elif step.verb == "archive" and done is not None:
            self._let_go(done, lock.prices.get(step.key))
            done = self._changed(done, {"active": False})
        return lock_after(lock, step, done)

    def _service(self, kind: Kind) -> Any:  # noqa: ANN401 - of five classes that share none
        """Give the SDK's service of a kind."""
        return attrgetter(_SERVICES[kind])(self.client.v1)

    def _list(self, kind: Kind) -> Iterator[dict[str, Any]]:
        expand = {"expand": [f"data.{_EXPANDED[kind]}"]} if kind in _EXPANDED else {}
        for wanted in _FILTERS.get(kind, ({},)):
            with our_errors(f"list of {kind}s"):
                listed = self._service(kind).list({"limit": _MOST, **expand, **wanted})
                yield from (each.to_dict() for each in listed.auto_paging_iter())

    def _made(self, step: Step, params: dict[str, Any], lock: Lock) -> Found:
        """Make an object, under the first key that Stripe does not keep an old error under.

        What an earlier run may have left was looked for when the lists were read.
        """
        turn = 0
        while True:
            key = key_of_step(step, params, lock, turn)
            try:
                with our_errors(step.kind, step.key):
                    made = self._service(step.kind).create(params, {"idempotency_key": key})
            except TallystickError as error:
                if turn == _TURNS or not _kept(error.__cause__):
                    raise
                turn += 1
            else:
                return self._found(step.kind, made.id)

    def _changed(self, found: Found, params: dict[str, Any]) -> Found:
        service = self._service(found.kind)
        with our_errors(found.kind, found.id):
            if found.kind == "meter" and params.pop("active", False):
                service.reactivate(found.id)
            if params:
                service.update(found.id, params)
        return self._found(found.kind, found.id)

    def _let_go(self, price: Found, instead: LockedPrice | None) -> None:
        """Let a product show another price first, so that this one can be archived."""
        if not price.default or price.product is None or instead is None:
            return
        with our_errors("product", price.product):
            first: Any = {"default_price": instead.provider_id}
            self.client.v1.products.update(price.product, first)

    def _found(self, kind: Kind, id_: str) -> Found:
        expand = {"expand": [_EXPANDED[kind]]} if kind in _EXPANDED else {}
        with our_errors(kind, id_):
            return found_of(kind, self._service(kind).retrieve(id_, expand).to_dict())

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
