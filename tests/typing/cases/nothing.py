"""A program typed by a catalogue that sells nothing: no id and no key exists."""

from __future__ import annotations

from nothing_types import typed

from tallystick import define_plans, has_feature

catalog = typed(define_plans([]))
catalog["pro"]  # refused
for plan in catalog:
    has_feature(plan, "projects")  # refused
