"""Handing the texts of a buffer to the ledger, and putting aside what it refuses."""

from __future__ import annotations

import hashlib
import logging
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.app.sent import tree_of_text
from tallystick.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.app.buffer_state import Counts
    from tallystick.app.spool import Spool
    from tallystick.wiring import Tallystick

__all__ = ["deliver", "refused_line", "spool_folder"]

_LOG: Final = logging.getLogger(__name__)


def deliver(tally: Tallystick, texts: Sequence[bytes], spool: Spool, counts: Counts) -> None:
    """Store events in one transaction; write those that are refused to the spool's rejected file.

    Raises StorageUnavailable where nothing could be stored.
    """
    if not texts:
        return
    try:
        recorded = tally.usage.record_many([tree_of_text(text) for text in texts])
    except RuleError as refused:
        if len(texts) == 1:
            _reject([(texts[0], refused.code, str(refused))], spool, counts)
        else:  # one of them takes the others with it: each by itself
            for text in texts:
                deliver(tally, [text], spool, counts)
        return
    refusals = [(texts[each.index], each.code, each.message) for each in recorded.rejected]
    _reject(refusals, spool, counts)
    counts.stored += recorded.accepted
    counts.duplicates += recorded.duplicates


def _reject(refusals: Sequence[tuple[bytes, str, str]], spool: Spool, counts: Counts) -> None:
    if not refusals:
        return
    count, (_, _, first) = len(refusals), refusals[0]
    _LOG.warning("the ledger refused %d events; the first: %s", count, first)
    written = spool.reject([refused_line(*each) for each in refusals])
    counts.rejected += count
    counts.unwritten += 0 if written else count


def refused_line(text: bytes, code: str, message: str) -> bytes:
    """Write a text that the ledger refused, and why, as a line of JSON."""
    why = f'{{"code":{encode_basestring(code)},"message":{encode_basestring(message)},"event":'
    return why.encode("utf-8", "backslashreplace") + text + b"}"


def spool_folder(tally: Tallystick) -> Path:
    """Give each ledger a folder of its own, so that none is sent what belongs to another."""
    storage = tally.storage
    address = storage.engine.url.render_as_string(hide_password=True)
    told = f"{address}\n{storage.tables.schema}\n{storage.tables.prefix}".encode()
    return Path(".tallystick") / f"spool-{hashlib.sha256(told).hexdigest()[:12]}"
