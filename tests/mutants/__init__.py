"""Faults that are put into a copy of the engine, one at a time, to see that a test notices each."""
