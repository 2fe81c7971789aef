"""A shop with limits."""
