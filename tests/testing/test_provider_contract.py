"""The contract of providers: `manual` and a bank keep it, and each way of breaking it is caught."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.intent import Canceled, Declined, Succeeded, Waiting
from tallystick.errors import Conflict
from tallystick.providers.manual import Manual
from tallystick.testing.provider_contract import ProviderContract
from tests.bank import DECLINES, PAYS, Bank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class TestManual(ProviderContract):
    """A person at a bank."""

    def open_provider(self) -> Manual:
        return Manual()


class OfBank(ProviderContract):
    """How the bank of the tests is opened."""

    folder: Path
    kind: Callable[..., Bank] = Bank

    def open_provider(self) -> Bank:
        return self.kind(self.folder)

    def payer(self, *, pays: bool) -> str:
        return PAYS if pays else DECLINES

    def objects(self, key: str) -> int:
        return sum(each["key"] == key for each in Bank(self.folder).objects())

    def silent(self, provider: Any, when: Any) -> AbstractContextManager[Any]:
        @contextmanager
        def cut() -> Iterator[None]:
            provider.plan.append(f"silent {when}")
            yield

        return cut()


class TestBank(OfBank):
    """A bank that keeps what it did."""

    @pytest.fixture(autouse=True)
    def _where(self, tmp_path: Path) -> None:
        self.folder = tmp_path


class WithoutRefunds(Bank):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, refunds=False)

    def refund(self, refund: Any) -> Any:
        raise Conflict("there are none")


class TestBankWithoutRefunds(TestBank):
    """A bank that gives nothing back, and says so."""

    kind = WithoutRefunds


# --- each promise can be broken -------------------------------------------------------------------


class Forgetful(Bank):
    """Makes another object each time."""

    def collect(self, charge: Any) -> Any:
        return super().collect(replace(charge, key=f"{charge.key}{len(self.objects())}"))


class Sharing(Bank):
    """Gives every payment one name."""

    def collect(self, charge: Any) -> Any:
        return replace(super().collect(charge), reference="bank-one")


class Short(Bank):
    """Takes less than it was asked for."""

    def collect(self, charge: Any) -> Any:
        found: Any = super().collect(charge)
        return replace(found, amount=found.amount.split([1, 1])[0]) if paid(found) else found


class Elsewhere(Bank):
    """Takes it on another account."""

    def collect(self, charge: Any) -> Any:
        found: Any = super().collect(charge)
        return replace(found, account=replace(self.account, live=True)) if paid(found) else found


class Raising(Bank):
    """Raises where it should refuse."""

    def collect(self, charge: Any) -> Any:
        found: Any = super().collect(charge)
        if isinstance(found, Declined):
            raise RuntimeError(found.message)  # noqa: TRY004 - that is what it does wrong
        return found


class Guessing(Bank):
    """Takes silence for a refusal."""

    def collect(self, charge: Any) -> Any:
        try:
            return super().collect(charge)
        except Exception:  # noqa: BLE001 - that is what it does wrong
            return Declined(code="timeout", message="no answer")


class Inventing(Bank):
    """Knows objects that are not there."""

    def look_up(self, asked: Any, reference: str) -> Any:
        return Waiting(reference=reference)


class Undoing(Bank):
    """Says of what it took that it was given up."""

    def cancel(self, asked: Any, reference: str) -> Any:
        super().cancel(asked, reference)
        return Canceled(reference=reference)


class Generous(Bank):
    """Gives back more than it took."""

    def refund(self, refund: Any) -> Any:
        return Succeeded(reference=f"bank-{refund.key}", amount=refund.amount, account=self.account)


class Overstated(WithoutRefunds):
    """Declares refunds that it does not make."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.abilities = replace(self.abilities, refunds=True)


class Understated(Bank):
    """Makes refunds that it does not declare."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, refunds=False)


class Boundless(Bank):
    """Says that it takes no line at all."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lines_per_plan=0)


class Renaming(Bank):
    """Calls a customer by another name each time."""

    names = 0

    def name_payer(self, customer: Any) -> str:
        Renaming.names += 1
        return f"acct-{Renaming.names}"


class Silent(Bank):
    """Answers with nothing."""

    def collect(self, charge: Any) -> Any:
        super().collect(charge)


def paid(outcome: object) -> bool:
    return isinstance(outcome, Succeeded)


BREAKS: list[tuple[type[Bank], str]] = [
    (Forgetful, "test_the_same_key_makes_one_object"),
    (Sharing, "test_two_keys_make_two_objects"),
    (Short, "test_what_succeeded_says_how_much_where_and_whose"),
    (Elsewhere, "test_what_succeeded_says_how_much_where_and_whose"),
    (Raising, "test_a_refusal_is_a_value"),
    (Guessing, "test_silence_is_an_error_and_the_same_key_mends_it"),
    (Inventing, "test_it_knows_what_it_made"),
    (Inventing, "test_what_it_never_made_is_not_found"),
    (Undoing, "test_giving_up_moves_no_money_and_undoes_none"),
    (Generous, "test_it_gives_back_as_it_declares"),
    (Overstated, "test_it_gives_back_as_it_declares"),
    (Understated, "test_it_gives_back_as_it_declares"),
    (Boundless, "test_it_declares_itself_without_a_call"),
    (Renaming, "test_it_calls_a_customer_by_one_name"),
    (Silent, "test_the_same_key_makes_one_object"),
]


@pytest.mark.parametrize(("kind", "promise"), BREAKS)
def test_a_broken_promise_is_caught(kind: type[Bank], promise: str, tmp_path: Path) -> None:
    contract = OfBank()
    contract.folder = tmp_path
    getattr(contract, promise)()  # the bank itself keeps it
    contract.kind = kind
    with pytest.raises(Exception, match=r"\w"):
        getattr(contract, promise)()


def test_every_promise_is_seen_to_break() -> None:
    promises = {name for name in dir(ProviderContract) if name.startswith("test_")}
    assert promises == {promise for _, promise in BREAKS}
