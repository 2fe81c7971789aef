"""Stripe: its rules for amounts and intervals in `wire`, the price list there in `book`."""
