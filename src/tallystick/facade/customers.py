"""`tally.customers`: who is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from tallystick.app.customer import (
    ExportPage,
    create_customer,
    export_page,
    find_customer,
    forget_customer,
    get_customer,
    list_customers,
    update_customer,
)
from tallystick.app.parents import family_of, remove_parent, set_parent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.customer import ExportedRecord, Place
    from tallystick.core.customer import Customer, CustomerFields
    from tallystick.core.page import Page
    from tallystick.core.parent import Parent
    from tallystick.wiring import Tallystick

__all__ = ["Customers"]


class Customers:
    """The customers of one ledger.

    Every call takes the host's `connection`, in whose transaction it then works.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def create(
        self,
        id: str | None = None,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
        **fields: Unpack[CustomerFields],
    ) -> Customer:
        """Add a customer, under your id or, without one, under a new `cus_…`.

        Fields: provider_id, name, email, currency, time_zone, locale, address, tax_ids, metadata.

        Raises InvalidInput with every field that is wrong; Conflict where the id is taken.
        """
        key = self._tally.ids.new("cus") if id is None else id
        return self._tally.act(
            lambda unit, at: create_customer(unit, at, key, fields), connection=connection, at=at
        )

    def get(self, id: str, *, connection: Connection | Session | None = None) -> Customer:  # noqa: A002 - the field's word
        """Give a customer by its id.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: get_customer(unit, id), connection=connection, reading=True
        )

    def find(
        self,
        *,
        provider_id: str | None = None,
        email: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Customer | None:
        """Give the customer of a provider's id or of an e-mail, or None.

        Raises Conflict where several customers have the e-mail.
        """
        return self._tally.act(
            lambda unit, _: find_customer(unit, provider_id=provider_id, email=email),
            connection=connection,
            reading=True,
        )

    def update(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
        **changes: Unpack[CustomerFields],
    ) -> Customer:
        """Change the fields that are named, and nothing else; None takes one away.

        Raises InvalidInput with every field that is wrong; NotFound; Conflict.
        """
        return self._tally.act(
            lambda unit, at: update_customer(unit, at, id, changes),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def list(
        self,
        *,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Customer]:
        """Give a page of customers in the order of their ids: 1 to 100 of them.

        `starting_after` is the `cursor` of the page before.  Raises InvalidInput.
        """
        return self._tally.act(
            lambda unit, _: list_customers(unit, limit, starting_after),
            connection=connection,
            reading=True,
        )

    def export(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> Iterator[ExportedRecord]:
        """Give all that is kept of one customer: itself, then its rows in every table that has any.

        Read in pages, each in a short transaction of its own, so an export of any size needs little
        memory and keeps nobody waiting; what was stored before it began is all in it.

        Raises NotFound, at the call.
        """
        first = self._page(id, None, connection)
        return self._records(id, first, connection)

    def forget(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Customer:
        """Clear name, e-mail, locale, address, tax ids and metadata, for good.

        The id stays, and with it usage and documents.  Raises NotFound.
        """
        return self._tally.act(
            lambda unit, at: forget_customer(unit, at, id),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def set_parent(
        self,
        child: str,
        parent: str,
        *,
        from_: datetime | str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Parent:
        """Let a customer pay for another one, from an instant on: now, where none is named.

        From its next boundary on, what the child is billed stands as a section on the parent's
        consolidated invoice.  The child keeps its subscriptions, usage, coupons and entitlements.
        Asked again, it changes nothing.

        Raises NotFound; InvalidInput for the past, or a customer that is its own parent; Conflict
        where the child has a parent or children then, or the parent has a parent.
        """
        return self._tally.act(
            lambda unit, at: set_parent(unit, at, child, parent, from_),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def remove_parent(
        self,
        child: str,
        *,
        from_: datetime | str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Parent:
        """Let a customer pay for itself again, from an instant on: now, where none is named.

        From its next boundary on, its documents are its own.  Raises NotFound where it has no
        parent then; InvalidInput for the past.
        """
        return self._tally.act(
            lambda unit, at: remove_parent(unit, at, child, from_),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def parents(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> tuple[Parent, ...]:
        """Give who pays or paid for a customer and for whom it pays or paid, by child and time.

        Raises NotFound.
        """
        return self._tally.act(
            lambda unit, _: family_of(unit, id), connection=connection, reading=True
        )

    def _page(
        self, key: str, place: Place | None, connection: Connection | Session | None
    ) -> ExportPage:
        return self._tally.act(
            lambda unit, _: export_page(unit, key, place), connection=connection, reading=True
        )

    def _records(
        self, key: str, page: ExportPage, connection: Connection | Session | None
    ) -> Iterator[ExportedRecord]:
        yield from page.records
        while page.place is not None:
            page = self._page(key, page.place, connection)
            yield from page.records
