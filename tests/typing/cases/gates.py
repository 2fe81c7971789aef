"""A program with a ledger of a typed catalogue: each misspelt feature at a gate must be refused."""

from __future__ import annotations

from typing import Any, assert_type

from billing_types import FeatureKey, typed

from tallystick import Access, Tallystick, define_plans
from tallystick.integrations import fastapi, flask
from tallystick.integrations.celery import task_quota

plans = typed(define_plans([]))
tally = Tallystick("sqlite://", catalog=plans, default_plan="free")
assert_type(tally, Tallystick[FeatureKey])
word = str(plans)

assert_type(tally.check("acme", "projects"), Access)
tally.check("acme", "project")  # refused
tally.check("acme", word)  # refused
tally.check("acme", feature="Projects")  # refused
tally.use("acme", "customDomains", 2)
tally.use("acme", "customDomain", 2)  # refused
tally.reserve("acme", "projects", expires_in=5).commit()
tally.reserve("acme", "project", expires_in=5)  # refused
tally.set("acme", "projects", 3)
tally.set("acme", "project", 3)  # refused
tally.give_back("acme", "projects")
tally.give_back("acme", "project")  # refused
tally.lease("acme", "projects", 10).close()
tally.lease("acme", "project", 10)  # refused
tally.check_many([("acme", "projects"), ("acme", "customDomains", 2)])
tally.check_many([("acme", "project")])  # refused
tally.check("acme", 5)  # refused
tally.publish(plans, author="ops")


def customer(request: Any) -> str:
    """Give the customer of a request."""
    return str(request)


billing = fastapi.Billing(tally, customer=customer)
billing.require_feature("customDomains")
billing.require_feature("customDomain")  # refused
billing.use("projects")
billing.use("project")  # refused
billing.quota("projects", 2)
billing.quota("project", 2)  # refused

extension = flask.Billing(tally, customer=customer)
extension.require_feature("customDomains")
extension.require_feature("customDomain")  # refused
extension.use("project")  # refused
extension.quota("project")  # refused
extension.check("project")  # refused

task_quota(tally, "projects", customer=customer)
task_quota(tally, "project", customer=customer)  # refused


async def ask(ledger: Tallystick[FeatureKey], key: FeatureKey) -> bool:
    """Ask a typed ledger, awaited."""
    await ledger.aio.use("acme", "project")  # refused
    access = await ledger.aio.check("acme", key)
    return access.allowed


def any_ledger(ledger: Tallystick, key: str) -> bool:
    """Ask whatever ledger there is; its keys are any text."""
    return ledger.check("acme", key).allowed


answers = [any_ledger(tally, word), any_ledger(Tallystick("sqlite://"), "projects")]
untyped = Tallystick("sqlite://", catalog=define_plans([]))
assert_type(untyped, Tallystick[str])
answers.append(untyped.check("acme", word).allowed)
untyped.check("acme", 5)  # refused
