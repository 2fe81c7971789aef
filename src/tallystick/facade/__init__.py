"""The shelves of the facade: `tally.customers` and its like, one file each.

A shelf turns a call into a use case of `tallystick.app` and gives it a transaction and a time.
"""

from __future__ import annotations
