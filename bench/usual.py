"""Usage events as most would take them in: FastAPI, pydantic models, an ORM session.

The baseline of `bench.ingest`.  It keeps the same promise for a repeat (counted once, told apart)
by the check most would write, and commits once for each request; it keeps no roll-ups.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import JSON, DateTime, Index, UniqueConstraint, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

__all__ = ["usual"]


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
    __tablename__ = "usual_events"
    __table_args__ = (
        UniqueConstraint("customer", "source", "id"),
        Index("ix_usual_events_read", "customer", "type", "occurred_at"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    source: Mapped[str]
    customer: Mapped[str]
    type: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    properties: Mapped[dict[str, Any]] = mapped_column(JSON)


class _Event(BaseModel):
    id: Annotated[str, Field(max_length=200)]
    customer: Annotated[str, Field(max_length=200)]
    type: Annotated[str, Field(max_length=200)]
    occurred_at: datetime
    source: str = "api"
    properties: dict[str, str | Decimal | bool | None] = {}


def usual(url: str, *, looking: bool = True) -> ASGIApp:
    """Give the app; without `looking` it trusts that no event is ever sent twice."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _as_ours)
    _Base.metadata.create_all(engine)
    app = FastAPI()

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    @app.post("/api/v1/usage/events")
    def record(
        events: list[_Event],
        db: Session = Depends(session),  # noqa: B008, FAST002 - an annotation would not find it here
    ) -> dict[str, Any]:
        accepted = duplicates = 0
        for sent in events:
            if looking and db.scalar(
                select(_Row).where(
                    _Row.customer == sent.customer, _Row.source == sent.source, _Row.id == sent.id
                )
            ):
                duplicates += 1
                continue
            db.add(_Row(**sent.model_dump(mode="json") | _times(sent)))
            accepted += 1
        db.commit()
        return {"ok": True, "data": {"accepted": accepted, "duplicates": duplicates}}

    return app


def _times(sent: _Event) -> dict[str, datetime]:
    return {"occurred_at": sent.occurred_at, "received_at": datetime.now(UTC)}


def _as_ours(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver has no type
    """Sync as our own connections do: fully, in the same journal."""
    from tallystick.storage.engine import _choose_journal  # noqa: PLC0415 - the same on both sides

    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    _choose_journal(cursor)
    cursor.close()
