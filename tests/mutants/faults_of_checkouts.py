"""Faults in what a checkout shows, allows and lets be found out."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_CHECKOUTS"]

_CORE: Final = "tests/core/test_checkout_resolve.py::"
_SOLD: Final = "tests/facade/test_sold_by_stripe.py::"
_SOLD_ORDERS: Final = "tests/proof/test_sold_histories.py::test_every_order_ends_in_one_state"
_FACADE: Final = "tests/facade/test_checkouts.py::"
_HTTP: Final = "tests/http/test_checkout.py::"

OF_CHECKOUTS: Final = (
    Mutant(
        "a hidden plan can be bought by its id",
        "core/checkout_resolve.py",
        "if plan is None or plan.id not in self.shown:",
        "if plan is None:",
        (f"{_CORE}test_what_is_hidden_or_not_there_is_no_plan_here[vip]",),
    ),
    Mutant(
        "an older version can be asked for at its price",
        "core/checkout_request.py",
        '    if "@" in name:\n',
        '    name = name.partition("@")[0]\n    if "@" in name:\n',
        (f"{_HTTP}test_what_is_not_sold_here_is_no_plan[sqlite-memory-pro@1]",),
    ),
    Mutant(
        "true is a quantity",
        "core/checkout_request.py",
        "if type(value) is not int or not 1",
        "if not isinstance(value, int) or not 1",
        (f"{_HTTP}test_what_is_no_quantity_is_422[true]",),
    ),
    Mutant(
        "the rules of the product are not asked",
        "core/checkout_eligibility.py",
        "for business_rules in (product.business_rules, plan.business_rules):",
        "for business_rules in (plan.business_rules,):",
        (f"{_CORE}test_the_products_rule_and_those_of_add_ons_count_too",),
    ),
    Mutant(
        "what is stated is taken for known",
        "core/checkout_eligibility.py",
        '**{f"stated.{name}": value for name, value in request.stated.items()},',
        "**request.stated,",
        (f"{_CORE}test_what_is_stated_never_becomes_what_is_known",),
    ),
    Mutant(
        "a stranger buys for the first time",
        "core/checkout_coupons.py",
        "first = buyer.customer is not None and not buyer.bought",
        "first = not buyer.bought",
        (f"{_CORE}test_of_the_plans_own_coupons_it_is_told_why_not",),
    ),
    Mutant(
        "a refused code says why",
        "core/checkout_coupons.py",
        "self.qualification(*pair).public",
        "self.qualification(*pair)",
        (f"{_CORE}test_of_a_refused_code_nothing_is_told",),
    ),
    Mutant(
        "promotions come after codes",
        "core/checkout_coupons.py",
        "    asking.promotions()\n"
        "    for typed in typed_codes(codes):\n"
        "        asking.code(typed)\n",
        "    for typed in typed_codes(codes):\n"
        "        asking.code(typed)\n"
        "    asking.promotions()\n",
        (f"{_CORE}test_coupons_act_in_the_order_plan_customer_codes_as_typed",),
    ),
    Mutant(
        "the provider takes all coupons",
        "core/checkout_resolve.py",
        "return known.discounts_per_checkout",
        "return None",
        (f"{_CORE}test_the_choice_is_the_best_there_is",),
    ),
    Mutant(
        "the renewal takes again what was for one invoice",
        "core/checkout_figures.py",
        "replace(each, used=each.used + (each.id in used))",
        "replace(each, used=each.used)",
        (f"{_CORE}test_the_choice_is_the_best_there_is",),
    ),
    Mutant(
        "figures of the resolver's own are shown, not those of the quote",
        "app/checkout_resolve.py",
        "        today=quote.today,\n",
        "",
        (f"{_FACADE}test_what_is_shown_is_quoted_and_charged[sqlite-memory]",),
    ),
    Mutant(
        "codes can be tried without end",
        "app/checkout_guesses.py",
        "if not all(redemptions.claim(unit, slot) for _ in range(many)):",
        "if not all([redemptions.claim(unit, slot) or True for _ in range(many)]):",
        (f"{_FACADE}test_codes_cannot_be_found_out_by_trying[sqlite-memory]",),
    ),
    Mutant(
        "a trial of another customer's identity is not seen",
        "storage/moves.py",
        "    with unit.for_all():\n        return unit",
        "    if True:\n        return unit",
        ("tests/facade/test_resolve_as_role.py::test_the_role_resolves_counts_and_sells",),
    ),
    Mutant(
        "what a checkout fetched takes the place of what events told",
        "app/checkout_billed.py",
        "    if mirrors.find_mirror(unit, origin_of(told)) is None:\n"
        "        mirror_subscription(unit, at, replace(told, as_of=checkout.created_at))\n",
        "    mirror_subscription(unit, at, told)\n",
        (f"{_SOLD_ORDERS}[sqlite-keeps]",),
    ),
    Mutant(
        "what was ended at Stripe by another is given back",
        "providers/stripe/subscriptions.py",
        '        if (found.get("cancellation_details") or {}).get("comment") != refund.key:\n',
        "        if found is None:\n",
        (f"{_SOLD}test_what_was_ended_there_meanwhile_is_no_second_one[sqlite-memory]",),
    ),
    Mutant(
        "a second one that was bought is kept beside the first",
        "app/checkout_finish.py",
        '        if "live" not in refused.data:\n            raise\n',
        "        raise\n",
        (f"{_SOLD}test_s16_the_second_is_canceled_and_its_money_goes_back[sqlite-memory]",),
    ),
    Mutant(
        "an invoice does not have its subscription asked for",
        "app/inbox_mirror.py",
        "    inbox.take_hint(",
        "    _ = (",
        (f"{_SOLD}test_an_invoice_has_its_subscription_asked_for[sqlite-memory]",),
    ),
)
"""The faults, each with the tests that notice it."""
