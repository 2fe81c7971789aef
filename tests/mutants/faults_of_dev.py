"""Faults in the page of `tallystick dev`: who may send its forms, and what is shown as had."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_DEV"]

_HTTP: Final = "tests/http/test_dev.py::"

OF_DEV: Final = (
    Mutant(
        "a page elsewhere buys for whoever opens it",
        "http/dev.py",
        "        _only_from_here(request)\n",
        "",
        (f"{_HTTP}test_a_form_of_another_page_does_nothing[http://evil.example]",),
    ),
    Mutant(
        "a name that points at this machine reads the page",
        "http/dev.py",
        "        only_here(scope)\n        page = ",
        "        page = ",
        (f"{_HTTP}test_a_page_that_points_its_own_name_here_sees_nothing",),
    ),
    Mutant(
        "what is another customer's is changed",
        "http/dev_shop.py",
        'proration="invoice_now", customer=YOU',
        'proration="invoice_now"',
        (f"{_HTTP}test_the_subscription_of_another_is_not_found",),
    ),
    Mutant(
        "the page looks again for ever",
        "http/dev.py",
        "if number < _LOOKS else None",
        "if number else None",
        (f"{_HTTP}test_it_looks_again_for_a_while_only[?n=20-None]",),
    ),
    Mutant(
        "a refusal is answered as nothing new",
        "http/cached.py",
        "        if self._status != _OK:\n            return False\n",
        "",
        (f"{_HTTP}test_a_refusal_is_never_taken_for_the_page_that_is_held",),
    ),
    Mutant(
        "two runs share a ledger",
        "files/alone.py",
        "        if _lock(descriptor):",
        "        if _lock(descriptor) or True:",
        ("tests/files/test_alone.py::test_one_has_it_at_a_time",),
    ),
)
"""All of them."""
