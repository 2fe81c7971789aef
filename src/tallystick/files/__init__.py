"""Paths to plain values: catalogue files, lock files, usage files.

The core takes trees and never opens a file; everything that does stands here.
"""

from __future__ import annotations

from tallystick.files.find import find_catalog
from tallystick.files.lock import lock_path, read_lock, write_lock
from tallystick.files.tax_rules import read_tax_tree
from tallystick.files.tree import Source, read_tree
from tallystick.files.usage import read_usage, usage_format, usage_rows

__all__ = [
    "Source",
    "find_catalog",
    "lock_path",
    "read_lock",
    "read_tax_tree",
    "read_tree",
    "read_usage",
    "usage_format",
    "usage_rows",
    "write_lock",
]
