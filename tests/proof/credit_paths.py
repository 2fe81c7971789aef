"""The write paths of coupons and credits that are swept: each place and each unit, once.

Redemptions, grants and transfers have keys; that credits were voided before is told by Conflict.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict
from tests.proof.billing_calls import BEGIN, SOLD, customers, day, documents, run, sell, start
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["CREDIT_PATHS", "named_ids"]

COUPONS: Final[list[dict[str, Any]]] = [
    {"id": "half", "percent_off": "50", "duration": "forever", "codes": ["HALF"]},
    {
        "id": "few",
        "amount_off": {"EUR": "5.00"},
        "max_redemptions": 1,
        "max_redemptions_per_customer": 1,
        "codes": [{"code": "FEW", "max_redemptions": 1}],
    },
]


class _Named:
    def __init__(self, name: str) -> None:
        self._name = name

    def new(self, prefix: str) -> str:
        return f"{prefix}_{self._name}"


@contextmanager
def named_ids(tally: Tallystick, name: str) -> Iterator[None]:
    """Let what is made have an id of this name, in every run of a path."""
    with mock.patch.object(tally, "ids", _Named(name)):
        yield


# --- what stands before ---------------------------------------------------------------------------


def _offered(tally: Tallystick) -> None:
    """Two customers, one of whom has a subscription; coupons that can be redeemed."""
    sell(tally)
    tree: Any = to_tree(SOLD)
    tally.publish(read_catalog({**tree, "coupons": COUPONS}), author="proof", at=BEGIN)
    customers(tally, ["acme", "globex"])
    start(tally, "acme", "pro")


def _redeemed(tally: Tallystick) -> None:
    _offered(tally)
    _redeem(tally, lambda *_: None)


def _granted(tally: Tallystick) -> None:
    """Given and bought, some of it to end soon."""
    _offered(tally)
    _give(tally, "gift", "12.00")
    _give(tally, "bought", "20.00", category="paid")
    _give(tally, "soon", "9.00", category="paid", expires_at=day(10), plans=["basic"])
    _give(tally, "sooner", "7.00", expires_at=day(10), plans=["basic"])


def _burned(tally: Tallystick) -> None:
    _granted(tally)
    run(tally, 0.5)


def _give(tally: Tallystick, name: str, amount: str, **more: Any) -> None:
    with named_ids(tally, name):
        tally.credits.grant("acme", amount, idempotency_key=name, at=BEGIN, **more)


# --- what is done ---------------------------------------------------------------------------------


def _redeem(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with named_ids(tally, "few"):
        tally.coupons.redeem("acme", "FEW", idempotency_key="few", at=day(1))
    acknowledge("redemptions", "red_few")
    with named_ids(tally, "half"):
        tally.coupons.redeem(
            "acme", coupon="half", subscription="acme-sub", idempotency_key="half", at=day(1)
        )
    acknowledge("redemptions", "red_half")


def _release(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Give a place back, which another takes then."""
    assert tally.coupons.release("red_few", at=day(2)).ended_at == day(2)
    acknowledge("coupon_slots", "coupon/few")
    with named_ids(tally, "other"):
        tally.coupons.redeem("globex", "FEW", idempotency_key="few", at=day(3))
    acknowledge("redemptions", "red_other")
    tally.coupons.end("red_half", at=day(4))


def _discount(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert not run(tally, 31).set_aside
    for document in documents(tally, "acme"):
        if document.invoice.number:
            acknowledge("invoices", document.invoice.number)
    assert any(document.invoice.discounts for document in documents(tally, "acme"))


def _grant(tally: Tallystick, acknowledge: Acknowledge) -> None:
    for name, category in (("gift", "promotional"), ("bought", "paid")):
        _give(tally, name, "12.00", category=category)
        acknowledge("credit_grants", f"grt_{name}")


def _burn(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert not run(tally, 0.5).set_aside
    (invoice,) = (each.invoice for each in documents(tally, "acme"))
    assert {burn.grant for burn in invoice.burns} == {"grt_gift", "grt_bought"}
    acknowledge("credit_moves", f"invoice/{invoice.id}")


def _expire(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert not run(tally, 11).set_aside
    assert [tally.credits.get(f"grt_{name}").remaining for name in ("soon", "sooner")] == [0, 0]
    acknowledge("credit_moves", "expired")


def _void(tally: Tallystick, acknowledge: Acknowledge) -> None:
    for key, amount in (("part", "5.00"), ("rest", None)):
        try:
            tally.credits.void("grt_bought", amount, idempotency_key=key, at=day(2))
        except Conflict:  # that is how a repeat is told
            assert tally.credits.get("grt_bought").remaining in {0, 1_500}
        acknowledge("credit_moves", f"void/{key}")


def _transfer(tally: Tallystick, acknowledge: Acknowledge) -> None:
    for name, amount in (("one", "5.00"), ("two", "3.00")):
        with named_ids(tally, name):
            tally.credits.transfer(
                "grt_bought", amount, to="globex", idempotency_key=name, at=day(2)
            )
        acknowledge("credit_grants", f"grt_{name}")


def _restore(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Void the invoice that grants paid: each has what it paid again."""
    (invoice,) = (each.invoice for each in documents(tally, "acme"))
    try:
        tally.invoices.void(invoice.id, at=day(1))
    except Conflict:
        assert tally.invoices.get(invoice.id).status == "void"
    acknowledge("credit_moves", "restored")
    assert tally.credits.get("grt_gift").remaining == 1_200


def _swept(
    name: str,
    act: Callable[[Tallystick, Acknowledge], None],
    before: Callable[[Tallystick], object],
) -> WritePath:
    return WritePath(name, act, before, long=True)


CREDIT_PATHS: Final = (
    _swept("redeem", _redeem, _offered),
    _swept("release", _release, _redeemed),
    _swept("discount", _discount, _redeemed),
    _swept("grant", _grant, _offered),
    _swept("burn", _burn, _granted),
    _swept("expire", _expire, _burned),
    _swept("void credits", _void, _granted),
    _swept("transfer credits", _transfer, _granted),
    _swept("restore credits", _restore, _burned),
)
"""Every write path of coupons and credits."""
