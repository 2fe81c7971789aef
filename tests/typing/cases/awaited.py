"""A program that awaits: what `tally.aio` gives has the types of the calls themselves."""

from __future__ import annotations

from tallystick import Access, Tallystick


async def ask(tally: Tallystick) -> list[int | str]:
    access: Access = await tally.aio.check("acme", "projects", 2)
    held = await tally.aio.reserve("acme", "projects", expires_in=30)
    await tally.aio.commit(held.customer, held.id, held.token)
    found = await tally.aio.customers.get("acme")
    moved = await tally.aio.subscriptions.preview.cancel("sub-acme")
    await tally.aio.check("acme")  # refused
    await tally.aio.check("acme", "projects", request=2)  # refused
    await tally.aio.usage.export()  # refused
    await tally.aio.begin()  # refused
    left: int = await tally.aio.give_back("acme", "projects")  # refused
    return [access.plan, str(found.name), str(moved), left]
