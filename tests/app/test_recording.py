"""What others commit in the middle of a batch does not harm its order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.storage.usage import events_at
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    import pytest

    from tallystick.storage.unit import Storage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_target_that_is_committed_meanwhile_stands_before_its_correction(
    storage_postgresql: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:

    def after_another_sender(unit: Any, keys: Any) -> Any:
        tally.usage.record("acme", "calls", id="late")
        return events_at(unit, keys)

    with Tallystick(storage_postgresql.engine, clock=FrozenClock(NOW)) as tally:
        tally.usage.record("acme", "calls", id="first")
        monkeypatch.setattr("tallystick.app.recording.events_at", after_another_sender)
        assert tally.usage.void("acme", "late") == "accepted"
        monkeypatch.undo()
        assert [event.kind for event in tally.usage.export()] == ["use", "use", "void"]
        assert tally.verify().ok
