"""Use cases: load, let the core decide, save.  No rule lives here."""
