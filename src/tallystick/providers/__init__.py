"""Who takes the money: one folder for each provider, which stands alone.

In each, `wire` is pure (what a provider's words and numbers mean) and `client` sends.
"""
