"""What every payment provider promises, as tests that a third party runs over its own.

::

    class TestMine(ProviderContract):
        def open_provider(self):
            return Mine(key="sk_test_…")

        def payer(self, pays):
            return "cus_good" if pays else "cus_declined"

What a provider cannot be brought to do, a test of it passes over; what it declares is held to it.
"""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tallystick.core.currency import currency
from tallystick.core.customer import Customer
from tallystick.core.intent import (
    Canceled,
    Charge,
    Declined,
    ProviderAccount,
    Refund,
    Succeeded,
    Waiting,
    outcome_of,
)
from tallystick.core.money import Money
from tallystick.core.provider import Abilities
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, SetupError
from tallystick.ports import NamesPayers

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tallystick.core.intent import Outcome
    from tallystick.ports import Provider

__all__ = ["ProviderContract"]

_CODE = "USD"


class ProviderContract:
    """The promises.  Derive from it, open a provider in its test mode, and let pytest find them."""

    # --- what a third party brings --------------------------------------------------------------

    def open_provider(self) -> Provider:
        """Give the provider, in its test mode.  Each test opens one."""
        raise SetupError(f"{type(self).__name__} opens no provider: write its open_provider")

    def payer(self, *, pays: bool) -> str | None:  # noqa: ARG002 - for who overrides it
        """Give what it calls a customer whose payment goes through, or is declined; None for none.

        A payer of None is sent as it is: then what comes may be Waiting.
        """
        return None

    def objects(self, key: str) -> int | None:  # noqa: ARG002 - for who overrides it
        """Count the objects it has made for a key; None where nobody can count them."""
        return None

    def silent(
        self,
        provider: Provider,  # noqa: ARG002 - for who overrides it
        when: Literal["before", "after"],  # noqa: ARG002 - the same
    ) -> AbstractContextManager[Any] | None:
        """Cut the line before or after the next call has its effect; None where nobody can."""
        return None

    # --- what it declares -----------------------------------------------------------------------

    def test_it_declares_itself_without_a_call(self) -> None:
        """Its abilities and its account are values, the same each time."""
        provider = self.open_provider()
        abilities, account = provider.abilities, provider.account
        _holds(isinstance(abilities, Abilities), "abilities is an Abilities")
        _holds(isinstance(account, ProviderAccount), "account is a ProviderAccount")
        _holds(bool(abilities.name) and bool(account.id), "both have a name")
        _holds(abilities.name == abilities.name.strip().lower(), "its name is in small letters")
        _holds((provider.abilities, provider.account) == (abilities, account), "they stay the same")
        for each in fields(abilities):
            value = getattr(abilities, each.name)
            number = value is None or (type(value) is int and value > 0)
            plain = type(value) in {bool, str} or number
            _holds(plain, f"{each.name} is a switch, or a number of one or more")

    # --- collecting -----------------------------------------------------------------------------

    def test_the_same_key_makes_one_object(self) -> None:
        """Asked again with the same key it answers of the same object."""
        provider, charge = self.open_provider(), self._charge()
        first = outcome_of(provider.collect(charge))
        again = outcome_of(self.open_provider().collect(charge))
        _holds(type(first) is type(again), f"{first} and then {again}")
        _holds(first.reference == again.reference, "it is the same object")
        self._one(charge.key)

    def test_two_keys_make_two_objects(self) -> None:
        """Two intents never share an object, also where all else is the same."""
        provider = self.open_provider()
        one, two = (outcome_of(provider.collect(self._charge())) for _ in range(2))
        _holds(one.reference is not None, "what it makes has a reference")
        _holds(one.reference != two.reference, "each has its own")

    def test_what_succeeded_says_how_much_where_and_whose(self) -> None:
        """The amount is what was asked, the account its own, the payer who was named."""
        provider, charge = self.open_provider(), self._charge()
        done = outcome_of(provider.collect(charge))
        if isinstance(done, Succeeded):
            self._is_asked(provider, charge, done)
        elif self.payer(pays=True) is not None and not provider.abilities.by_hand:
            _holds(isinstance(done, Waiting), f"who pays is not refused: {done}")

    def test_a_refusal_is_a_value(self) -> None:
        """A declined payment is Declined, with a code and a sentence, and stays so."""
        payer = self.payer(pays=False)
        if payer is None:
            return
        provider, charge = self.open_provider(), self._charge(payer)
        done = outcome_of(provider.collect(charge))
        _holds(isinstance(done, Declined), f"a refusal is Declined, not {done}")
        if isinstance(done, Declined):
            _holds(bool(done.code) and bool(done.message), "it says why")
        again = outcome_of(provider.collect(charge))
        _holds(isinstance(again, Declined), f"refused is refused, not {again}")

    def test_silence_is_an_error_and_the_same_key_mends_it(self) -> None:
        """No answer raises OutcomeUnknown; asked again with the same key there is one object."""
        moments: tuple[Literal["before", "after"], ...] = ("before", "after")
        for when in moments:
            provider, charge = self.open_provider(), self._charge()
            cut = self.silent(provider, when)
            if cut is None:
                return
            _raises(OutcomeUnknown, lambda: provider.collect(charge), cut)  # noqa: B023 - called here
            done = outcome_of(provider.collect(charge))
            _holds(not isinstance(done, Declined), f"silent {when}, then {done}")
            self._one(charge.key)

    # --- looking up and giving up ---------------------------------------------------------------

    def test_it_knows_what_it_made(self) -> None:
        """Looked up, an object stands as it stood."""
        provider, charge = self.open_provider(), self._charge()
        made = outcome_of(provider.collect(charge))
        found = outcome_of(provider.look_up(charge, made.reference or ""))
        _holds(found.reference == made.reference, "it is the same object")
        _holds(isinstance(found, Succeeded | type(made)), f"{made} and then {found}")
        if isinstance(found, Succeeded):
            self._is_asked(provider, charge, found)

    def test_what_it_never_made_is_not_found(self) -> None:
        """An object that is not its own raises NotFound; by hand there is none to look for."""
        provider, charge = self.open_provider(), self._charge()
        if provider.abilities.by_hand:
            return
        _raises(NotFound, lambda: provider.look_up(charge, "no-such-object"))
        _raises(NotFound, lambda: provider.cancel(charge, "no-such-object"))

    def test_giving_up_moves_no_money_and_undoes_none(self) -> None:
        """What waits is Canceled, and stays so; what succeeded stays Succeeded."""
        provider, charge = self.open_provider(), self._charge()
        made = outcome_of(provider.collect(charge))
        if isinstance(made, Declined):
            return
        reference = made.reference or ""
        done = outcome_of(provider.cancel(charge, reference))
        wanted = Succeeded if isinstance(made, Succeeded) else Succeeded | Canceled
        _holds(isinstance(done, wanted), f"{made}, and canceled {done}")
        again = outcome_of(provider.cancel(charge, reference))
        _holds(type(again) is type(done), f"{done} and then {again}")

    # --- giving back ----------------------------------------------------------------------------

    def test_it_gives_back_as_it_declares(self) -> None:
        """A refund is made once for a key; where none are declared, asking is a Conflict."""
        provider, charge = self.open_provider(), self._charge()
        paid = outcome_of(provider.collect(charge))
        refund = self._refund(charge, paid, 400)
        if not provider.abilities.refunds:
            _raises(Conflict, lambda: provider.refund(refund))
            return
        if not isinstance(paid, Succeeded):
            return
        done = outcome_of(provider.refund(refund))
        _holds(isinstance(done, Succeeded | Waiting), f"a part can be given back: {done}")
        again = outcome_of(provider.refund(refund))
        _holds(done.reference == again.reference, "it is the same object")
        _holds(done.reference != paid.reference, "a refund is an object of its own")
        self._one(refund.key)
        if isinstance(done, Succeeded):
            _holds(done.amount == refund.amount, "it says how much went back")
        more = outcome_of(provider.refund(self._refund(charge, paid, 601)))
        _holds(isinstance(more, Declined), f"more than is left is Declined, not {more}")

    # --- who pays -------------------------------------------------------------------------------

    def test_it_calls_a_customer_by_one_name(self) -> None:
        """Where it keeps customers of its own, each of ours is one of them, and no other's."""
        provider = self.open_provider()
        if not isinstance(provider, NamesPayers):
            return
        one, two = (self._customer() for _ in range(2))
        named = provider.name_payer(one)
        again = self.open_provider()
        _holds(isinstance(again, NamesPayers) and again.name_payer(one) == named, "it stays so")
        _holds(provider.name_payer(two) != named, "another customer is another")

    # --- shared ---------------------------------------------------------------------------------

    def _customer(self) -> Customer:
        born = datetime(2026, 1, 1, tzinfo=UTC)
        return Customer(id=f"cus_{secrets.token_hex(10)}", created_at=born, updated_at=born)

    def _charge(self, payer: str | None = None) -> Charge:
        return Charge(
            key=f"tallystick/int_{secrets.token_hex(10)}",
            invoice="inv_contract",
            customer="cus_contract",
            amount=Money(1000, currency(_CODE)),
            label="INV-000001",
            payer=self.payer(pays=True) if payer is None else payer,
        )

    def _refund(self, charge: Charge, paid: Outcome, minor: int) -> Refund:
        return Refund(
            key=f"tallystick/int_{secrets.token_hex(10)}",
            invoice=charge.invoice,
            customer=charge.customer,
            amount=Money(minor, charge.amount.currency),
            payment=paid.reference or "",
            payer=charge.payer,
        )

    def _is_asked(self, provider: Provider, charge: Charge, done: Succeeded) -> None:
        _holds(done.amount == charge.amount, f"{done.amount} instead of {charge.amount}")
        _holds(done.account == provider.account, f"{done.account} is not its account")
        _holds(charge.payer in {None, done.payer}, f"{done.payer} paid for {charge.payer}")

    def _one(self, key: str) -> None:
        count = self.objects(key)
        _holds(count in {None, 1}, f"{count} objects for one key")


def _holds(fact: bool, sentence: str) -> None:  # noqa: FBT001 - what is to hold
    if not fact:
        raise AssertionError(sentence)


def _raises(
    kind: type[Exception],
    call: Callable[[], object],
    cut: AbstractContextManager[Any] | None = None,
) -> None:
    try:
        with nullcontext() if cut is None else cut:
            answer = call()
    except kind:
        return
    raise AssertionError(f"it answered {answer}, and did not raise {kind.__name__}")
