"""What time and moves do to a subscription: the one place where its spans open and close.

`Flow` is a subscription in motion: it lives for one call of `core.subscription_moves`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.calendar import at_wall_clock, first_boundary, shift, wall_clock
from tallystick.core.change import policy_of
from tallystick.core.charge import Charge, Due
from tallystick.core.period import Cadence, Period, cadence_of, instant_text, to_the_second
from tallystick.core.span import period_from
from tallystick.core.subscription import MAIN, TERMINAL, Item
from tallystick.core.subscription_grants import grant_due
from tallystick.core.subscription_items import changed_items, planned_for_end, same_price
from tallystick.core.subscription_next import when_due, when_next
from tallystick.core.subscription_pauses import (
    end_of_period,
    is_frozen,
    is_silent,
    paused,
    thawed,
    unpaused,
    with_pause_until,
)
from tallystick.core.subscription_spans import closed, fill, give_back, inherited
from tallystick.core.terms import item_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Change, Proration, Timing
    from tallystick.core.period import Instant
    from tallystick.core.subscription import (
        Paid,
        PauseMode,
        Planned,
        Span,
        State,
        Subscription,
    )
    from tallystick.core.subscription_grants import PlanGrant

__all__ = ["Flow"]

_SET_UP: Final = f"{MAIN}/"  # what stands in `paid_once` for the plan's set-up fee


class Flow:
    """A subscription while time passes and moves are made.

    `now` is how it stands; `dues` and `grants` are the documents and credits that came about.
    """

    def __init__(self, subscription: Subscription, offers: Mapping[str, Plan[Any]]) -> None:
        """Take a subscription up where it stands."""
        self.now = subscription
        self.offers = offers
        self.dues: list[Due] = []
        self.grants: list[PlanGrant] = []

    # --- time -------------------------------------------------------------------------------------

    def advance(self, until: Instant) -> None:
        """Let everything happen that time brings up to and with an instant."""
        until = to_the_second(until)
        while (at := when_next(self.now)) is not None and at <= until:
            if when_due(self.now) == at:
                self._tick(at)
                if when_due(self.now) == at:
                    continue  # more happens at this instant: credits come after all of it
            self.now = replace(self.now, clock=at)
            self.grant(at)

    def settle(self, at: Instant) -> None:
        """Let happen what comes after a move at its instant: what was planned, then credits."""
        self.advance(at)
        self.grant(at)

    def grant(self, at: Instant) -> None:
        """Grant at an instant what the plans grant and no grant covers yet."""
        self.now, made = grant_due(self.now, self.offers, at)
        self.grants += made

    def _tick(self, at: Instant) -> None:
        """Let happen what time brings at one instant, in its order."""
        begins = self.now.begins_at == at and not is_frozen(self.now)
        if not begins and self._is_boundary(at):
            self._boundary(at)
            return
        self.now = replace(self.now, clock=at)
        if begins:
            self._begin(at)
        elif (planned := self._planned_for(at)) is not None:
            self._take_up(planned, at)
        elif self._ends(at):
            self._stop(at, f"end/{instant_text(at)}")
        elif self.now.resumes_at == at:
            self.resume(at, f"resume/{instant_text(at)}")

    def _is_boundary(self, at: Instant) -> bool:
        now = self.now
        if is_frozen(now):
            return False
        ends = now.period is not None and now.period.end == at
        return ends or any(span.end == at for span in now.spans)

    def _ends(self, at: Instant) -> bool:
        now = self.now
        waits = is_frozen(now) and now.cancel_at == end_of_period(now)
        return at == now.ends_at or (at == now.cancel_at and not waits)

    def _planned_for(self, at: Instant) -> Planned | None:
        return next((each for each in self.now.planned if each.at == at), None)

    def _take_up(self, planned: Planned, at: Instant) -> None:
        """Make a change that was planned for a date."""
        left = tuple(each for each in self.now.planned if each is not planned)
        self.now = replace(self.now, planned=left)
        items = self.changed(planned.change, planned=True)
        self.exchange(items, at, f"change/{planned.number}", planned.change.proration)

    # --- beginning --------------------------------------------------------------------------------

    def paid_elsewhere(self, until: Instant) -> None:
        """Be active from the start, and begin to charge only later."""
        begins = self.now.begins_at
        self.now = replace(
            self.now, state="active", started_at=begins, begins_at=until, paid_once=(_SET_UP,)
        )

    def _begin(self, at: Instant) -> None:
        now = replace(self.now, begins_at=None, started_at=self.now.started_at or at)
        if at in {now.cancel_at, now.ends_at}:
            self.now = now
            self._stop(at, f"end/{instant_text(at)}")
        elif now.state == "scheduled" and now.trial_days is not None:
            wall = shift(wall_clock(at, now.zone), Cadence("day"), now.trial_days)
            end = at_wall_clock(wall, now.zone)
            self.now = replace(now, state="trialing", trial_end=end, begins_at=end)
        elif now.state == "trialing" and now.after_trial == "canceled":
            self.now = now
            self.terminate(at, "canceled", "", credit=False)
        elif now.state == "trialing" and now.after_trial == "paused":
            self.now = replace(now, state="paused", pause_mode="keep", paused_at=at)
        else:
            starts = now.state in {"scheduled", "trialing"}
            self.now = replace(now, state="active") if starts else now
            self._take_up_first(at)
            self._due(f"boundary/{now.id}/{instant_text(at)}", at, self._first_charges(at))

    def _take_up_first(self, at: Instant) -> None:
        """Have what was planned for the very beginning before anything is charged."""
        while (planned := self._planned_for(at)) is not None:
            left = tuple(each for each in self.now.planned if each is not planned)
            items = self.changed(planned.change, planned=True)
            self.now = replace(self.now, planned=left, items=items)

    def _first_charges(self, at: Instant) -> list[Charge]:
        """Begin the first period: the set-up fee, one-time prices, then fees in advance."""
        now = self.now
        plan = item_plan(now.items[0], self.offers)
        cadence = cadence_of(plan)
        anchor = now.anchor
        if anchor is None:
            aligned = cadence if now.aligned else None
            anchor = at if aligned is None else first_boundary(at, aligned, now.zone)
        period = None if cadence is None else self._next_period(at, anchor, cadence)
        self.now = replace(now, anchor=anchor, period=period)
        if is_silent(now):
            return []
        return self._set_up(plan) + self._fill(at)

    def _set_up(self, plan: Plan[Any]) -> list[Charge]:
        """Give the set-up fee, once."""
        now = self.now
        if not plan.setup_fee or _SET_UP in now.paid_once:
            return []
        self.now = replace(now, paid_once=(*now.paid_once, _SET_UP))
        return [Charge(kind="setup", item=now.items[0], price="")]

    def _next_period(self, at: Instant, anchor: Instant, cadence: Cadence) -> Period:
        return Period(at, period_from(at, anchor, cadence, self.now.zone)[0])

    # --- the boundary -----------------------------------------------------------------------------

    def _boundary(self, at: Instant) -> None:
        """Close what ends, let planned changes take effect, open what follows: one document."""
        now = self.now
        ended = [span for span in now.spans if span.end == at]
        charges = [closed(now, span, at) for span in ended]
        left = tuple(span for span in now.spans if span.end != at)
        self.now = replace(now, clock=at, spans=left)
        if at in {now.cancel_at, now.ends_at}:
            charges += self._end(at, credit=now.cancel_credit, part="")
            self.now = replace(self.now, state=self._ending(at), ended_at=at)
        elif now.period is not None and now.period.end == at:
            charges += self._turn(at)
        elif not is_silent(now):
            charges += self._fill(at)
        self._due(
            f"boundary/{now.id}/{instant_text(at)}",
            at,
            [each for each in charges if each is not None],
            final=self.now.state in TERMINAL,
        )

    def _turn(self, at: Instant) -> list[Charge | None]:
        """End the plan's own period, let changes planned for it take effect, begin the next."""
        charges: list[Charge | None] = []
        planned, waits = planned_for_end(self.now.planned, at)
        before = self._main_cadence(self.now.items)
        if self.now.planned:
            self.now = replace(self.now, planned=waits)
        for each in planned:
            items = self.changed(each.change, planned=True)
            # what has a period of its own, which runs on, is credited for the rest of it
            part = f"change/{each.number}"
            charges += self._close(items, at, part, "next_invoice")[0]
            self.now = replace(self.now, items=items)
        cadence = self._main_cadence(self.now.items)
        anchor = self.now.anchor
        if cadence is None or before is None or not cadence.same_as(before):
            anchor = at  # the day of the change
        period = None if cadence is None else self._next_period(at, anchor or at, cadence)
        self.now = replace(self.now, anchor=anchor, period=period)
        return charges if is_silent(self.now) else [*charges, *self._fill(at)]

    def _main_cadence(self, items: tuple[Item, ...]) -> Cadence | None:
        return cadence_of(item_plan(items[0], self.offers))

    def _ending(self, at: Instant) -> State:
        return "canceled" if self.now.cancel_at == at else "ended"

    # --- changes ----------------------------------------------------------------------------------

    @property
    def has_period(self) -> bool:
        """Whether a period runs, whose end a change could wait for."""
        return self.now.period is not None and self.now.begins_at is None

    def end_of_period(self) -> Instant | None:
        """Give the end of the present period, or of the trial."""
        return end_of_period(self.now)

    def timing_of(self, items: tuple[Item, ...]) -> Timing:
        """Give when a change takes effect where nobody says: the latest of what its parts ask."""
        return policy_of(self.now.items, items, self.offers).timing

    def changed(self, change: Change, *, planned: bool = False) -> tuple[Item, ...]:
        """Give the items after a change, as `core.subscription_items.changed_items` does."""
        return changed_items(self.now.items, change, self.offers, planned=planned)

    def exchange(
        self,
        items: tuple[Item, ...],
        at: Instant,
        part: str,
        proration: Proration | None,
    ) -> None:
        """Have other items from an instant on; charge for it as asked, or as the table says."""
        if self.now.begins_at is not None or (self.now.state == "paused" and not self.has_period):
            self.now = replace(self.now, items=items)  # nothing has been charged yet
            return
        policy = policy_of(self.now.items, items, self.offers)
        mode = proration or policy.proration
        if policy.restarts:
            charges = self._restart(items, at, part, mode)
            mode = "invoice_now"
        else:
            self.now = thawed(self.now, at)
            charges = self._swap(items, at, part, mode)
        if mode == "invoice_now":
            self._due(self._cause(part), at, charges)
        else:
            self.now = replace(self.now, waiting=(*self.now.waiting, *charges))

    def _fill(
        self,
        at: Instant,
        part: str = "",
        like: Sequence[Span] = (),
        *,
        free: bool = False,
        cut: bool = False,
    ) -> list[Charge]:
        self.now, charges = fill(self.now, self.offers, at, part, like, free=free, cut=cut)
        return charges

    def _swap(
        self, items: tuple[Item, ...], at: Instant, part: str, mode: Proration
    ) -> list[Charge]:
        """Have other items for the rest of the period, and charge for it."""
        charges, left, gone = self._close(items, at, part, mode)
        self.now = replace(self.now, items=items)
        if is_silent(self.now):
            return charges
        fees = self._fill(at, part, gone, free=mode == "none", cut=True)
        if mode == "none":
            self.now = inherited(self.now, self.offers, at, left)
        return charges + fees

    def _close(
        self, items: tuple[Item, ...], at: Instant, part: str, mode: Proration
    ) -> tuple[list[Charge], tuple[Paid, ...], list[Span]]:
        """Close the spans of what is gone or different.

        A price that stays as it is goes on uncut, and its tiers do not start again.  Gives what is
        charged, the fees that are not given back, and the spans that are gone.
        """
        kept: list[Span] = []
        gone: list[Span] = []
        for span in self.now.spans:
            after = same_price(span, items, self.offers)
            if after is None:
                gone.append(span)
            else:
                kept.append(replace(span, item=after))
        charges, left = give_back(self.now, self.offers, gone, at, part, mode=mode, cut=True)
        self.now = replace(self.now, spans=tuple(kept))
        return charges, left, gone

    def _restart(
        self, items: tuple[Item, ...], at: Instant, part: str, mode: Proration
    ) -> list[Charge]:
        """Begin a new cycle with a change of interval: everything is closed and charged anew."""
        self.now = thawed(self.now, at)
        charges, _ = give_back(self.now, self.offers, self.now.spans, at, part, mode=mode, cut=True)
        cadence = self._main_cadence(items)
        self.now = replace(self.now, items=items, spans=(), anchor=at, period=None, aligned=False)
        if cadence is not None:
            self.now = replace(self.now, period=self._next_period(at, at, cadence))
        return charges if is_silent(self.now) else charges + self._fill(at, part)

    # --- pauses -----------------------------------------------------------------------------------

    def pause(self, at: Instant, mode: PauseMode, resumes: Instant | None, part: str) -> None:
        """Stand still for a while, until it is resumed or until an instant."""
        self.now = paused(self.now, self.offers, at, part, mode=mode, resumes=resumes)

    def resume(self, at: Instant, part: str) -> None:
        """Go on: charge for the rest of the period, or move its end by the length of the pause."""
        if is_frozen(self.now) or self.now.begins_at is not None:
            self.now = unpaused(thawed(self.now, at))
            return
        now = self.now
        since = now.paused_at
        spans = with_pause_until(now, at)
        self.now = replace(unpaused(now), spans=spans)
        first = now.period is None  # a trial that ended into a pause
        # what was had before in this period was closed by a change in the pause
        cut = since is not None and now.period is not None and since > now.period.start
        charges = self._first_charges(at) if first else self._fill(at, part, cut=cut)
        self._due(self._cause(part), at, charges)

    # --- the end ----------------------------------------------------------------------------------

    def _stop(self, at: Instant, part: str) -> None:
        self.terminate(at, self._ending(at), part, credit=self.now.cancel_credit)

    def terminate(self, at: Instant, state: State, part: str, *, credit: bool) -> None:
        """End it at once: usage up to now, what waits, and the rest of fees if asked."""
        charges = self._end(at, credit=credit, part=part)
        self.now = replace(self.now, state=state, ended_at=at)
        self._due(self._cause(part), at, charges, final=True)

    def _end(self, at: Instant, *, credit: bool, part: str) -> list[Charge]:
        self.now = thawed(self.now, at)
        mode: Proration = "next_invoice" if credit else "none"
        charges, _ = give_back(self.now, self.offers, self.now.spans, at, part, mode=mode)
        self.now = replace(
            self.now,
            spans=(),
            planned=(),
            period=None,
            begins_at=None,
            resumes_at=None,
            paused_at=None,
            lapsed=False,
        )
        return charges

    def _cause(self, part: str) -> str:
        """Name the cause of a document after what made it: `change/SUBSCRIPTION/4`."""
        kind, _, rest = part.partition("/")
        return f"{kind}/{self.now.id}/{rest}"

    def _due(
        self, cause: str, at: Instant, charges: Sequence[Charge], *, final: bool = False
    ) -> None:
        """Let a document fall due, with what waits; none where there is nothing to charge."""
        all_ = (*self.now.waiting, *charges)
        if self.now.waiting:
            self.now = replace(self.now, waiting=())
        if all_:
            self.dues.append(Due(cause=cause, at=at, charges=all_, final=final))
