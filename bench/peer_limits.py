"""The same limits beside two Django packages that gate by plan, in turns on one PostgreSQL server.

`vinta-django-billing` locks the subscription and asks a counter of the host's; that and the row it
counts are one transaction here, as its page tells.  `django-enhanced-subscriptions` reads a counter
and writes it back.  Ours checks and records one event with its roll-ups.  Then threads that use the
same limit at once: how many each lets through.

What differs is told in bench/README.md, with how to have the peers: they are not installed for the
other benches.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.databases import postgresql, seconds
from bench.measure import compared
from tallystick import QuotaExceeded, Tallystick, define_plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from bench.measure import Result

__all__ = ["run"]

ROUNDS: Final = 7
TURNS: Final = 20
QUESTIONS: Final = 100
MANY: Final = 1_000_000
LIMIT: Final = 50
THREADS: Final = 8
WHO: Final = "acme"
LIMITS: Final = {"calls": MANY, "scarce": LIMIT}


@dataclass(frozen=True)
class Side:
    """One of those compared: `use` of one unit of a feature, whether allowed; 100 answers."""

    name: str
    use: Callable[[str], bool]
    answer: Callable[[], object]


def run() -> list[Result]:
    """Compare, if the peers are there."""
    if find_spec("vinta_billing") is None or find_spec("subscription") is None:
        print("the peers are not installed: bench/README.md says how to compare with them")
        return []
    with postgresql() as storage:
        _configure(storage.engine)
        ours, peers = _ours(storage.engine), (_vinta(), _enhanced())
        results = []
        for peer in peers:
            theirs, mine = (partial(side.use, "calls") for side in (peer, ours))
            figures = [_ratio(theirs, mine, turns=TURNS) for _ in range(ROUNDS)]
            results.append(_at_least_one(f"use: {peer.name} / ours", figures))
        for peer in peers:
            figures = [_ratio(peer.answer, ours.answer, turns=3) for _ in range(ROUNDS)]
            results.append(_at_least_one(f"{QUESTIONS} answers: {peer.name} / ours", figures))
        results += [_let_through(side) for side in (ours, *peers)]
        import_module("django.db").connections.close_all()
    return results


def _at_least_one(name: str, figures: list[float]) -> Result:
    return compared(name, figures, goal=1, at_least=True)


def _ratio(theirs: Callable[[], object], ours: Callable[[], object], turns: int) -> float:
    """Take turns, and divide the medians of a round."""
    spent = [(seconds(theirs), seconds(ours)) for _ in range(turns)]
    return median(first for first, _ in spent) / median(second for _, second in spent)


def _let_through(side: Side) -> Result:
    """Let threads use the scarce feature at once, twice as often as there is."""

    def caller(_: int) -> int:
        try:
            return sum(side.use("scarce") for _ in range(2 * LIMIT // THREADS))
        finally:
            import_module("django.db").connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        got = sum(pool.map(caller, range(THREADS)))
    return compared(f"let through a limit of {LIMIT}: {side.name}", [got], goal=LIMIT, unit="")


# --- ours -----------------------------------------------------------------------------------------


def _ours(engine: Engine) -> Side:
    features = [
        {"featureKey": key, "enabled": True, "limit": limit, "reset": "month"}
        for key, limit in LIMITS.items()
    ]
    plan = {"id": "pro", "name": "Pro", "price": 2_900, "currency": "USD", "interval": "month"}
    plans = define_plans([{**plan, "active": True, "features": features}])
    tally = Tallystick(engine, catalog=plans)
    tally.publish(author="bench")
    tally.customers.create(WHO, name=WHO)
    tally.subscriptions.start(WHO, "pro")

    def use(feature: str) -> bool:
        try:
            return tally.use(WHO, feature).allowed
        except QuotaExceeded:
            return False

    return Side("tallystick", use, partial(tally.check_many, [(WHO, "calls")] * QUESTIONS))


# --- the peers ------------------------------------------------------------------------------------


def _configure(engine: Engine) -> None:
    """Set Django up on the same server, with connections that stay open as ours do."""
    url = engine.url
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.query.get("host", url.host),
        "PORT": url.port or "",
        "CONN_MAX_AGE": None,
    }
    apps = ["auth", "contenttypes"]
    import_module("django.conf").settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in apps),
            "rest_framework",
            "vinta_billing.apps.BillingConfig",
            "subscription",
        ],
        USE_TZ=True,
        SECRET_KEY="bench",  # noqa: S106 - it signs nothing
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SUBSCRIPTION={},
    )
    import_module("django").setup()
    import_module("django.core.management").call_command("migrate", verbosity=0)
    with import_module("django.db").connection.cursor() as cursor:
        cursor.execute("CREATE TABLE peer_calls (id bigserial PRIMARY KEY, scope bigint, key text)")
        cursor.execute("CREATE INDEX ON peer_calls (scope, key)")


def _user() -> Any:  # noqa: ANN401 - a model of Django
    users = import_module("django.contrib.auth").get_user_model().objects
    return users.get_or_create(username=WHO)[0]


def _vinta() -> Side:
    """Sell a plan, and count the host's rows of each feature, as its page tells."""
    constants, registry = (
        import_module("vinta_billing.constants"),
        import_module("vinta_billing.registry"),
    )
    models = import_module("vinta_billing.models")
    database = import_module("django.db")
    service = import_module("vinta_billing.services.container").get_entitlement_service()
    scope, _ = models.BillingScope.objects.get_or_create_for(_user())
    plan = models.BillingPlan.objects.create(
        slug="pro", name="Pro", monthly_price=29, currency="USD"
    )
    for key, limit in LIMITS.items():
        registry.resources.register(
            key,
            label=key,
            kind=constants.LimitKind.PREPAID,
            counter=partial(_counted, database, key),
            remedy=constants.LimitRemedy.UPGRADE_PLAN,
            usage_extra_keys=frozenset(),
        )
        models.PlanLimit.objects.create(
            plan=plan, resource_key=key, limit_value=limit, kind=constants.LimitKind.PREPAID
        )
    now = datetime.now(UTC)
    subscription = models.Subscription.objects.create(
        scope=scope,
        plan=plan,
        current_period_start=now,
        current_period_end=now + timedelta(days=30),
    )
    for key, limit in LIMITS.items():
        models.SubscriptionPlanLimit.objects.create(
            subscription=subscription,
            resource_key=key,
            limit_value=limit,
            kind=constants.LimitKind.PREPAID,
        )

    def use(feature: str) -> bool:
        with database.transaction.atomic():
            if not service.check_limit(scope, feature, delta=1, lock=True).allowed:
                return False
            with database.connection.cursor() as cursor:
                row = "INSERT INTO peer_calls (scope, key) VALUES (%s, %s)"
                cursor.execute(row, [scope.pk, feature])
        return True

    def answer() -> None:
        for _ in range(QUESTIONS):
            assert service.check_limit(scope, "calls").allowed

    return Side("vinta-django-billing", use, answer)


def _counted(database: Any, key: str, context: Any) -> dict[int, int]:  # noqa: ANN401 - Django's
    with database.connection.cursor() as cursor:
        mine = "FROM peer_calls WHERE scope = ANY(%s) AND key = %s"
        count = f"SELECT scope, count(*) {mine} GROUP BY 1"
        cursor.execute(count, [list(context.scope_ids), key])
        return dict(cursor.fetchall())


def _enhanced() -> Side:
    """Sell a plan with quotas; use is the check and the counter, as its page tells."""
    models = import_module("subscription.models.feature")
    plans = import_module("subscription.models.plan")
    checker = import_module("subscription.feature").FeatureChecker
    plan = plans.SubscriptionPlan.objects.create(plan_name="Pro", slug="pro", is_feature_based=True)
    cost = plans.PlanCost.objects.create(plan=plan, recurrence_unit="month", cost=29)
    subscription = plans.UserSubscription.objects.create(
        user=_user(), subscription=cost, active=True, cancelled=False
    )
    for key, limit in LIMITS.items():
        feature = models.Feature.objects.create(name=key, code=key, feature_type="quota")
        models.PlanFeature.objects.create(plan=plan, feature=feature, quota=limit)

    def use(feature: str) -> bool:
        asked = checker(subscription)
        if not asked.can_access(feature).allowed:
            return False
        asked.increment_usage(feature)
        return True

    def answer() -> None:
        asked = checker(subscription)
        for _ in range(QUESTIONS):
            assert asked.can_access("calls").allowed

    return Side("django-enhanced-subscriptions", use, answer)
