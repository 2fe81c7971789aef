"""Stripe: its rules for amounts and intervals in `wire`."""
