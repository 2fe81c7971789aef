"""A program typed by a catalogue of sixty features, near the most that pyright can tell apart."""

from __future__ import annotations

from crowded_types import typed

from tallystick import check_limit, define_plans, has_feature

plan = typed(define_plans([]))["pro"]
answers = [has_feature(plan, "feature59"), has_feature(plan, "feature0")]
has_feature(plan, "feature60")  # refused
check_limit(plan, "feature", 1)  # refused
