"""Usage reported to Stripe's meters, and what they have added up."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import plain
from tallystick.core.usage_report import report_key, told_window
from tallystick.errors import Conflict, NotFound
from tallystick.providers.stripe.client import our_errors

if TYPE_CHECKING:
    import stripe

    from tallystick.core.usage_report import UsageReport

__all__ = ["MeterEvents"]

_KNOWN: Final = "duplicate_meter_event"


class MeterEvents:
    """The meters of one account: each is looked up once, as what they take never changes."""

    def __init__(self, client: stripe.StripeClient) -> None:
        """Stand on a client; nothing is asked yet."""
        self._client = client
        self._meters: dict[str, stripe.billing.Meter] = {}

    def report(self, report: UsageReport) -> None:
        """Tell a meter a report; one that it knows already is told.

        Stripe takes an identifier once, so a stored error of its own hides nothing: no key of ours
        is sent.

        Raises OutcomeUnknown; NotFound for the meter or the payer; Conflict where Stripe refuses.
        """
        meter = self._meter_of(report.event_name)
        payload = {
            meter.customer_mapping.event_payload_key: report.payer,
            meter.value_settings.event_payload_key: plain(report.value),
        }
        try:
            with our_errors("customer of Stripe", report.payer):
                self._client.v1.billing.meter_events.create(
                    {
                        "event_name": report.event_name,
                        "payload": payload,
                        "identifier": report_key(report),
                        "timestamp": int(report.at.timestamp()),
                    }
                )
        except Conflict as refused:
            if refused.data.get("provider_code") != _KNOWN:
                raise

    def known(self, report: UsageReport) -> Decimal:
        """Give what a meter has added up of a customer in the window of a report.

        Raises OutcomeUnknown; NotFound for the meter or the payer; Conflict.
        """
        meter, window = self._meter_of(report.event_name), told_window(report.window)
        with our_errors("customer of Stripe", report.payer):
            found = self._client.v1.billing.meters.event_summaries.list(
                meter.id,
                {
                    "customer": report.payer,
                    "start_time": int(window.start.timestamp()),
                    "end_time": int(window.end.timestamp()),
                },
            )
        # Stripe gives a JSON number; its shortest text is the figure that was meant.
        return sum((Decimal(str(each.aggregated_value)) for each in found.data), Decimal(0))

    def _meter_of(self, event_name: str) -> stripe.billing.Meter:
        if event_name not in self._meters:
            with our_errors("meter of Stripe", event_name):
                every = self._client.v1.billing.meters.list({"status": "active", "limit": 100})
                self._meters |= {each.event_name: each for each in every.auto_paging_iter()}
        if event_name not in self._meters:
            raise NotFound("meter of Stripe", event_name)
        return self._meters[event_name]
