"""A provider for tests: a bank of files, which a crash of its caller does not touch.

It is as simple as a provider can be that keeps what it did: one file for each key.  `plan` says how
the next calls fail; `around` sees every call begin and end.
"""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.currency import currency
from tallystick.core.intent import (
    Canceled,
    Charge,
    Declined,
    ProviderAccount,
    Refund,
    Succeeded,
    Waiting,
)
from tallystick.core.money import Money
from tallystick.core.provider import Abilities
from tallystick.errors import NotFound, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tallystick.core.intent import Outcome

__all__ = ["DECLINES", "PAYS", "PAYS_LATER", "Bank", "Fault"]

Fault: TypeAlias = Literal["silent before", "silent after", "broken"]

PAYS: Final = "acct_pays"
DECLINES: Final = "acct_declines"
PAYS_LATER: Final = "acct_pays_later"


class Bank:
    """A bank that takes from accounts by their names."""

    def __init__(
        self,
        folder: Path,
        *,
        account: ProviderAccount | None = None,
        around: Callable[[str], AbstractContextManager[Any]] = nullcontext,
        **abilities: Any,
    ) -> None:
        self._folder, self._around = folder, around
        self.abilities = Abilities(name="bank", **{"refunds": True, **abilities})
        self.account = account or ProviderAccount("house", live=False)
        self.plan: deque[Fault | None] = deque()
        self.calls: list[str] = []
        self.gives: Callable[[Any], Any] = lambda outcome: outcome

    # --- what is asked --------------------------------------------------------------------------

    def collect(self, charge: Charge) -> Outcome:
        status = {DECLINES: "declined", PAYS_LATER: "waiting"}.get(charge.payer or "", "paid")
        return self._call("collect", charge.key, lambda: self._new(charge, status))

    def refund(self, refund: Refund) -> Outcome:
        def give() -> None:
            paid = self._read(self._path(refund.payment.removeprefix("bank-")))
            others = (each for each in self.objects() if each["of"] == refund.payment)
            left = paid["minor"] - sum(each["minor"] for each in others)
            fits = refund.amount.minor <= left
            self._new(refund, "paid" if fits else "declined", refund.payment)

        return self._call("refund", refund.key, give)

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:
        return self._call("look up", asked.key, lambda: self._must_be(reference))

    def cancel(self, asked: Charge | Refund, reference: str) -> Outcome:
        def stop() -> None:
            self._must_be(reference)
            self._turn(asked.key, "waiting", "canceled")

        return self._call("cancel", asked.key, stop)

    # --- what is seen of it ---------------------------------------------------------------------

    def objects(self) -> list[dict[str, Any]]:
        return [self._read(path) for path in sorted(self._folder.glob("*.json"))]

    def moved(self) -> int:
        """Count what was really taken and not given back, in minor units."""
        sums = [
            (-1 if each["of"] else 1) * each["minor"]
            for each in self.objects()
            if each["status"] == "paid"
        ]
        return sum(sums)

    def pays(self, key: str) -> None:
        self._turn(key, "waiting", "paid")

    # --- how ------------------------------------------------------------------------------------

    def _call(self, name: str, key: str, act: Callable[[], None]) -> Outcome:
        self._do(name, key, act)
        outcome: Outcome = self.gives(self._outcome(key))
        return outcome

    def _do(self, name: str, key: str, act: Callable[[], None]) -> None:
        """Let a call have its effect, or fail as it is planned."""
        self.calls.append(f"{name} {key}")
        fault = self.plan.popleft() if self.plan else None
        with self._around(f"CALL {name}"):
            if fault == "silent before":
                raise OutcomeUnknown("the line is dead")
            if fault == "broken":
                raise RuntimeError("a fault of the bank's own library")
            act()
        if fault == "silent after":
            raise OutcomeUnknown("the answer was lost")

    def _outcome(self, key: str) -> Outcome:
        found = self._read(self._path(key))
        reference = f"bank-{key}"
        match found["status"]:
            case "paid":
                amount = Money(found["minor"], currency(found["currency"]))
                return Succeeded(
                    reference=reference, amount=amount, account=self.account, payer=found["payer"]
                )
            case "waiting":
                return Waiting(reference=reference, url="https://bank.example/pay")
            case "canceled":
                return Canceled(reference=reference)
            case _:
                return Declined(code="no_funds", message="there is too little on the account")

    def _new(self, asked: Charge | Refund, status: str, of: str | None = None) -> None:
        body = {
            "key": asked.key,
            "minor": asked.amount.minor,
            "currency": asked.amount.currency.code,
            "payer": asked.payer,
            "status": status,
            "of": of if status == "paid" else None,
        }
        path = self._path(asked.key)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(body), "utf-8")
        try:
            os.link(draft, path)  # all of it or nothing, and only the first
        except FileExistsError:
            assert self._read(path)["minor"] == asked.amount.minor, "one key, two wishes"
        finally:
            draft.unlink()

    def _turn(self, key: str, before: str, after: str) -> None:
        path = self._path(key)
        body = self._read(path)
        if body["status"] == before:
            path.write_text(json.dumps(body | {"status": after}), "utf-8")

    def _must_be(self, reference: str) -> None:
        if not self._path(reference.removeprefix("bank-")).exists():
            raise NotFound("payment", reference)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.replace('/', '_')}.json"

    def _read(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found
