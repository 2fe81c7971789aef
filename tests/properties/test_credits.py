"""Credits against coins: every unit that was granted is one coin, and has one fate.

The oracle shares no code with the engine.  It knows only single units, looks for the one coin that
must go next among all there are, and lets time pass instant by instant.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.credit import CreditGrant, CreditScope, Use, Withdrawal
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_burn import burn_down
from tallystick.core.credit_lines import pay_lines
from tallystick.core.credit_moves import transfer, void
from tallystick.core.credit_reset import roll_over
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.rollover import Rollover

if TYPE_CHECKING:
    from random import Random

    from tallystick.core.credit_balance import Burn
    from tallystick.core.credit_burn import BurnDown
    from tallystick.core.period import Instant

START = datetime(2024, 1, 1, tzinfo=UTC)
USD = currency("USD")
HOURS = 12
METERS = ("calls", "rows")
hours = st.integers(0, HOURS)
FEW = settings(max_examples=60, deadline=None)


def hour(number: int) -> Instant:
    return START + timedelta(hours=number)


@st.composite
def scopes(draw: st.DrawFn) -> CreditScope:
    return CreditScope(meters=frozenset(draw(st.sets(st.sampled_from(METERS), max_size=1))))


@st.composite
def grants(draw: st.DrawFn, name: str) -> CreditGrant:
    """Make a grant of a few units, perhaps with an end, perhaps with voids."""
    start = draw(hours)
    end = draw(st.none() | st.integers(start + 1, HOURS + 2))
    voids = draw(st.lists(st.tuples(hours, st.none() | st.integers(1, 9)), max_size=2))
    return CreditGrant(
        id=name,
        customer="acme",
        amount=Decimal(draw(st.integers(0, 9))),
        feature="calls",
        effective_at=hour(start),
        expires_at=None if end is None else hour(end),
        category=draw(st.sampled_from(("promotional", "paid"))),
        priority=draw(st.integers(1, 2)),
        created=draw(st.integers(0, 2)),
        scope=draw(scopes()),
        withdrawals=tuple(
            Withdrawal(at=hour(at), size=None if size is None else Decimal(size))
            for at, size in sorted(voids, key=lambda each: each[0])
        ),
    )


@st.composite
def wallets(draw: st.DrawFn) -> list[CreditGrant]:
    return [draw(grants(f"g{n}")) for n in range(draw(st.integers(0, 4)))]


@st.composite
def usage(draw: st.DrawFn) -> list[Use]:
    rows = draw(st.lists(st.tuples(hours, st.integers(0, 6), st.sampled_from(METERS)), max_size=6))
    return [
        Use(id=f"u{n}", amount=Decimal(size), at=hour(at), meter=meter)
        for n, (at, size, meter) in enumerate(rows)
    ]


# --- the oracle -----------------------------------------------------------------------------------


@dataclass
class Coin:
    """One unit of one grant; `fate` is the id of the use it paid, `voided`, or `expired`."""

    grant: CreditGrant
    fate: str = ""

    @property
    def turn(self) -> tuple[object, ...]:
        """Say when it is its turn; written out anew from the rule in words."""
        grant = self.grant
        never = grant.expires_at is None
        end = START if grant.expires_at is None else grant.expires_at
        paid = {"promotional": 0, "paid": 1}[grant.category]
        return grant.priority, never, end, paid, grant.effective_at, grant.created, grant.id


def coins_after(
    wallet: list[CreditGrant], uses: list[Use], until: int
) -> tuple[list[Coin], Counter[str]]:
    """Let time pass hour by hour; give every coin and what nobody paid, by use."""
    coins = [Coin(grant) for grant in wallet for _ in range(int(grant.size))]
    unpaid: Counter[str] = Counter()
    for now in map(hour, range(until + 1)):
        expire(coins, now)
        withdraw(coins, wallet, now)
        due = [use for use in uses if use.at == now < hour(until)]
        for use in sorted(due, key=lambda each: each.id):
            for _ in range(int(use.size)):
                unpaid[use.id] += not pay(coins, use)
    return coins, +unpaid


def expire(coins: list[Coin], now: Instant) -> None:
    for coin in coins:
        if not coin.fate and coin.grant.expires_at == now:
            coin.fate = "expired"


def withdraw(coins: list[Coin], wallet: list[CreditGrant], now: Instant) -> None:
    for grant in wallet:
        for each in grant.withdrawals:
            mine = [coin for coin in coins if coin.grant is grant and not coin.fate]
            for coin in mine if each.size is None else mine[: int(each.size)]:
                coin.fate = "voided" if each.at == now else ""


def pay(coins: list[Coin], use: Use) -> bool:
    """Spend the one coin whose turn it is; tell whether there was one."""
    able = [
        coin
        for coin in coins
        if not coin.fate
        and coin.grant.effective_at <= use.at
        and coin.grant.scope.meters <= {use.meter}
    ]
    if able:
        min(able, key=lambda coin: coin.turn).fate = use.id
    return bool(able)


# --- the properties -------------------------------------------------------------------------------


@FEW
@given(wallets(), usage(), hours)
def test_every_unit_has_the_fate_of_its_coin(
    wallet: list[CreditGrant], uses: list[Use], until: int
) -> None:
    came = burn_down(wallet, uses, START, hour(until))
    coins, unpaid = coins_after(wallet, uses, until)
    fates = Counter((coin.grant.id, coin.fate) for coin in coins)
    for name, balance in came.balances.items():
        assert balance.expired == fates[name, "expired"]
        assert balance.voided == fates[name, "voided"]
        assert balance.remaining == fates[name, ""]
    burns = Counter({(each.grant, each.use): int(each.size) for each in came.burns})
    assert burns == Counter(
        {key: n for key, n in fates.items() if key[1] not in {"", "voided", "expired"}}
    )
    assert dict(came.unpaid) == dict(unpaid)
    assert came.overage == sum(unpaid.values())


@FEW
@given(wallets(), usage())
def test_at_every_step_all_that_was_granted_is_somewhere(
    wallet: list[CreditGrant], uses: list[Use]
) -> None:
    for until in range(HOURS + 3):
        came = burn_down(wallet, uses, START, hour(until))
        paid = Counter[str]()
        for each in came.burns:
            assert each.size > 0
            paid[each.grant] += int(each.size)
        for grant in wallet:
            at = came.balances[grant.id]
            assert min(at.consumed, at.expired, at.voided, at.remaining) >= 0
            assert grant.size == paid[grant.id] + at.expired + at.voided + at.remaining
            assert at.available(hour(until)) in {0, at.remaining}
        due = [use for use in uses if use.at < hour(until)]
        assert sum(paid.values()) + came.overage == sum(use.size for use in due)


@FEW
@given(wallets(), usage(), st.lists(hours, max_size=4), st.integers(0, HOURS))
def test_reading_in_between_changes_nothing(
    wallet: list[CreditGrant], uses: list[Use], readings: list[int], until: int
) -> None:
    whole = burn_down(wallet, uses, START, hour(until))
    came: BurnDown | None = None
    burns: list[Burn] = []
    since = START
    for reading in [*sorted(each for each in readings if each <= until), until]:
        came = burn_down(wallet, uses, since, hour(reading), opening=came)
        burns += came.burns
        since = hour(reading)
    assert came is not None
    assert came.balances == whole.balances
    assert came.overage == whole.overage
    assert tuple(burns) == whole.burns


@given(wallets(), usage(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    wallet: list[CreditGrant], uses: list[Use], dice: Random
) -> None:
    whole = burn_down(wallet, uses, START, hour(HOURS))
    dice.shuffle(wallet)
    dice.shuffle(uses)
    assert burn_down(wallet, uses, START, hour(HOURS)) == whole


# --- invoices and moves ---------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 3), scopes()), max_size=4),
    st.lists(st.tuples(st.integers(-300, 300), st.sampled_from(METERS)), max_size=5),
)
def test_grants_on_an_invoice_pay_no_line_twice_and_never_into_the_red(
    wallet: list[tuple[int, int, CreditScope]], amounts: list[tuple[int, str]]
) -> None:
    standing = [
        GrantBalance(
            CreditGrant(
                id=f"g{n}",
                customer="acme",
                amount=Money(size, USD),
                effective_at=START,
                priority=priority,
                scope=scope,
            )
        )
        for n, (size, priority, scope) in enumerate(wallet)
    ]
    lines = [
        Use(id=f"l{n}", amount=Money(size, USD), at=START, meter=meter)
        for n, (size, meter) in enumerate(amounts)
    ]
    came = pay_lines(standing, lines, USD)
    total = sum(size for size, _ in amounts)
    assert 0 <= came.total.minor <= max(0, total)
    for line, part in zip(lines, came.by_line, strict=True):
        assert 0 <= part.minor <= max(Decimal(0), line.size)
        assert part.minor == sum(each.size for each in came.burns if each.use == line.id)
    for grant in standing:
        mine = [each for each in came.burns if each.grant == grant.grant.id]
        after = came.balances[grant.grant.id]
        assert after.consumed == sum(each.size for each in mine) <= grant.grant.size
        covered = {line.id for line in lines if grant.grant.scope.covers(line)}
        assert {each.use for each in mine} <= covered
    # Where a line that a grant covers is left unpaid, that grant is empty, or all is paid.
    for line, part in zip(lines, came.by_line, strict=True):
        if part.minor < line.size and came.total.minor < max(0, total):
            assert all(
                not each.remaining
                for each in came.balances.values()
                if each.grant.scope.covers(line)
            )


@given(wallets(), usage(), st.integers(1, 20), hours)
def test_a_void_is_read_as_it_was_decided(
    wallet: list[CreditGrant], uses: list[Use], size: int, at: int
) -> None:
    clean = [replace(grant, withdrawals=()) for grant in wallet]
    before = burn_down(clean, uses, START, hour(at))
    there = sum((each.remaining for each in before.balances.values()), Decimal(0))
    if there < 1:
        return
    asked = min(Decimal(size), there)
    voids = dict(void(before.balances.values(), hour(at), asked))
    assert sum(each.size or 0 for each in voids.values()) == asked
    after = burn_down(
        [replace(g, withdrawals=(voids[g.id],)) if g.id in voids else g for g in clean],
        uses,
        START,
        hour(at),
    )
    assert after.burns == before.burns
    for name, each in after.balances.items():
        taken = voids[name].size if name in voids else 0
        assert each.voided == taken
        assert each.remaining == before.balances[name].remaining - (taken or 0)


@given(st.integers(1, 100), st.integers(0, 100), st.integers(1, 100))
def test_a_transfer_sums_to_zero(size: int, used: int, moved: int) -> None:
    grant = CreditGrant(
        id="g", customer="acme", amount=Decimal(size), feature="f", effective_at=START
    )
    uses = [Use(id="u", amount=Decimal(min(size, used)), at=START)]
    before = burn_down([grant], uses, START, hour(1)).balances["g"]
    if moved > before.remaining:
        return
    came = transfer(before, hour(1), Decimal(moved), to="globex", id="h")
    source = burn_down(
        [replace(grant, withdrawals=(came.withdrawal,))], uses, START, hour(2)
    ).balances["g"]
    target = burn_down([came.grant], [], START, hour(2)).balances["h"]
    assert source.granted + target.granted == grant.size
    assert source.remaining + target.remaining == before.remaining


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=4),
    st.lists(st.integers(1, 9), max_size=4),
    st.none() | st.integers(0, 30),
)
def test_what_rolls_over_stays_under_its_cap_and_trims_the_oldest(
    ending: list[tuple[int, int, int]], older: list[int], cap: int | None
) -> None:
    ended = [
        GrantBalance(
            CreditGrant(
                id=f"e{n}",
                customer="acme",
                amount=Decimal(left),
                feature="f",
                effective_at=START,
                expires_at=hour(5),
                rollover=Rollover(Decimal(most), Decimal(least)),
            )
        )
        for n, (left, most, least) in enumerate(ending)
    ]
    before = [
        GrantBalance(
            CreditGrant(
                id=f"o{n}",
                customer="acme",
                amount=Decimal(size),
                feature="f",
                effective_at=hour(n),
                source="rollover",
            )
        )
        for n, size in enumerate(older)
    ]
    rolled = roll_over(ended, before, hour(5), cap=None if cap is None else Decimal(cap))
    fresh = sum(min(most, max(least, left)) for left, most, least in ending)
    kept_new = sum((each.size for each in rolled.grants), Decimal(0))
    trimmed = dict(rolled.withdrawals)
    kept_old = [
        size - (trimmed[f"o{n}"].size or 0) if f"o{n}" in trimmed else size
        for n, size in enumerate(older)
    ]
    everything = sum(older) + fresh
    assert kept_new + sum(kept_old) == (everything if cap is None else min(cap, everything))
    touched = [n for n, size in enumerate(older) if kept_old[n] != size]
    assert all(kept_old[n] == 0 for n in touched[:-1])
    assert touched == list(range(len(touched)))
    if kept_new < fresh:
        assert not any(kept_old)
