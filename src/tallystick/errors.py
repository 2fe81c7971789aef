"""Every exception of Tallystick, and the shape of a located problem.

::

    TallystickError
    ├── RuleError               the rules say no: the caller can cure it, nothing was changed
    │   ├── InvalidInput        a value has not the form it needs
    │   │   ├── InvalidNumber   not a plain decimal number, or one with too many digits
    │   │   ├── OutOfBounds     a figure that no ledger column can hold
    │   │   ├── CurrencyMismatch two currencies in one sum
    │   │   ├── InvalidPeriod   a calendar question without an answer
    │   │   ├── InvalidRule     a predicate tree that cannot be read
    │   │   ├── InvalidUsage    usage that no line can be made of
    │   │   └── InvalidFile     a document with problems, all of them
    │   │       ├── InvalidCatalog
    │   │       └── InvalidTaxRules
    │   ├── NotFound            no such thing
    │   │   ├── TenantNotFound  no such tenant, or none for who asks
    │   │   └── UnknownPlan     no such plan
    │   ├── Conflict            what is there already says otherwise
    │   │   ├── QuoteExpired    a quote that is no longer good
    │   │   ├── ReservationOver a reservation that holds nothing any more
    │   │   ├── CouponRefused   a coupon that may not be redeemed
    │   │   ├── PriceChanged    a quote whose figures are not what would be charged now
    │   │   └── PriceCapExceeded a price migration after which some would pay more than its cap
    │   ├── TaxUndecided        what is known does not say which tax is owed
    │   ├── TenantSuspended     the tenant may do nothing for now
    │   ├── TenantInactive      the tenant is not active any more, or not yet
    │   ├── InsufficientCredit  less credit is left than is asked for
    │   ├── QuotaExceeded       a limit is reached: nothing was used
    │   ├── RateLimited         too much was tried: nothing is answered for a while
    │   └── ForbiddenError      not allowed (also for hosts to raise)
    │       └── AccessDenied    what a customer has does not include it
    │           └── PaymentNeeded it does once a payment is made
    ├── RequestError            a request that cannot be answered as it was sent
    │   ├── BadRequest
    │   ├── Unauthorized        who asks has not said who they are, or cannot prove it
    │   ├── MethodNotAllowed
    │   └── PayloadTooLarge
    ├── StorageUnavailable      the database does not answer now: the same again later
    ├── OutcomeUnknown          a provider did not answer: the same again with the same key
    └── SetupError              the installation or its settings: the operator can cure it
        ├── MissingExtra        an optional dependency is not installed
        ├── CatalogNotFound     no catalogue file where one was looked for
        └── MigrationRefused    the tables are not as this version knows them

An error has a stable `code` and carries data. What HTTP makes of a code is the business of
`tallystick.problems`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "AccessDenied",
    "BadRequest",
    "CatalogNotFound",
    "Conflict",
    "CouponRefused",
    "CurrencyMismatch",
    "ForbiddenError",
    "InsufficientCredit",
    "InvalidCatalog",
    "InvalidFile",
    "InvalidInput",
    "InvalidNumber",
    "InvalidPeriod",
    "InvalidRule",
    "InvalidTaxRules",
    "InvalidUsage",
    "MethodNotAllowed",
    "MigrationRefused",
    "MissingExtra",
    "NotFound",
    "OutOfBounds",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "PaymentNeeded",
    "PriceCapExceeded",
    "PriceChanged",
    "Problem",
    "QuotaExceeded",
    "QuoteExpired",
    "RateLimited",
    "RequestError",
    "ReservationOver",
    "RuleError",
    "SetupError",
    "StorageUnavailable",
    "TallystickError",
    "TaxUndecided",
    "TenantInactive",
    "TenantNotFound",
    "TenantSuspended",
    "Unauthorized",
    "UnknownPlan",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document, where it stands, and what would cure it.

    `path` is written as in `products[0].plans[1].lineItems[0].cost`; the empty path is the
    whole document.  `line` counts from 1 and is None where the format keeps no lines.
    A `hint` is worth a look and fails nothing.
    """

    path: str
    text: str
    cure: str = ""
    line: int | None = None
    severity: Literal["problem", "hint"] = "problem"

    def __str__(self) -> str:
        """Give the sentence a person reads: place, what is wrong, what to do."""
        place = self.path or "catalogue"
        if self.line is not None:
            place = f"{place} (line {self.line})"
        return f"{place}: {self.text}" + (f" ({self.cure})" if self.cure else "")


def _again(kind: type[TallystickError], args: tuple[Any, ...], data: dict[str, Any]) -> Exception:
    error = kind.__new__(kind, *args)
    error.__dict__.update(data)
    return error


class TallystickError(Exception):
    """Whatever Tallystick raises on purpose."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be sent to another process whole, whatever the arguments it was made with."""
        return _again, (type(self), self.args, self.__dict__)

    def details(self) -> dict[str, object]:
        """Give the data a program may act on; plain JSON values only."""
        return {}


class RuleError(TallystickError):
    """The rules say no.  The caller can cure it; nothing was changed."""

    code = "BAD_REQUEST"


class InvalidInput(RuleError):
    """A value has not the form it needs.  `fields` maps each path to its texts."""

    code = "VALIDATION_ERROR"

    def __init__(self, message: str, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        """Keep the message for people and the fields for programs."""
        super().__init__(message)
        self.fields: dict[str, list[str]] = {k: list(v) for k, v in (fields or {}).items()}

    def details(self) -> dict[str, object]:
        """Give the fields, where there are any."""
        return {"fields": self.fields} if self.fields else {}


class InvalidNumber(InvalidInput):
    """Not a plain decimal number within its bounds."""


class OutOfBounds(InvalidInput):
    """A figure of 2^63 or more (either sign): no ledger column can hold it."""


class CurrencyMismatch(InvalidInput):
    """Two currencies met in one sum or comparison."""


class InvalidPeriod(InvalidInput):
    """A calendar question without an answer: a naive time, an empty period, an unknown zone."""


class InvalidRule(InvalidInput):
    """A predicate tree that cannot be read."""


class InvalidUsage(InvalidInput):
    """Usage that no line can be made of; `fields` names every bad key."""


class InvalidFile(InvalidInput):
    """A document with problems: all of them, each with its place."""

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        """Keep the problems in the order in which they stand in the document."""
        self.problems = tuple(problems)
        self.source = source
        fields: dict[str, list[str]] = {}
        for problem in self.problems:
            fields.setdefault(problem.path, []).append(problem.text)
        count = len(self.problems)
        head = f"{source}: {count} problem{'' if count == 1 else 's'}"
        super().__init__("\n  ".join([head, *map(str, self.problems)]), fields)


class InvalidCatalog(InvalidFile):
    """A catalogue with problems."""

    def __init__(self, problems: Sequence[Problem], source: str = "catalogue") -> None:
        """Keep the problems in the order in which they stand in the document."""
        super().__init__(problems, source)


class InvalidTaxRules(InvalidFile):
    """Tax rules with problems."""

    def __init__(self, problems: Sequence[Problem], source: str = "tax rules") -> None:
        """Keep the problems in the order in which they stand in the document."""
        super().__init__(problems, source)


class NotFound(RuleError):
    """No such thing, or it is someone else's: the two are not told apart."""

    code = "NOT_FOUND"

    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 - the field's word
        """Keep what was looked for."""
        super().__init__(f"no {kind} {id!r}")
        self.kind, self.id = kind, id

    def details(self) -> dict[str, object]:
        """Give the kind and the id that was asked for."""
        return {"kind": self.kind, "id": self.id}


class TenantNotFound(NotFound):
    """No such tenant, or none for who asks: the two are not told apart, nor is its name said."""

    code = "TENANT_NOT_FOUND"

    def __init__(self, name: str = "") -> None:
        """Keep the name that was asked for, for the log alone."""
        super().__init__("tenant", name)

    def __str__(self) -> str:
        """Give the sentence, the same for every name."""
        return "there is no such tenant"

    def details(self) -> dict[str, object]:
        """Give nothing: what was asked for is known to who asked."""
        return {}


class UnknownPlan(NotFound, KeyError):
    """No such plan.  A gate answers 403, never 500."""

    code = "UNKNOWN_PLAN"

    def __init__(self, id: str) -> None:  # noqa: A002 - the field's word
        """Keep the id that was asked for."""
        super().__init__("plan", id)

    def __str__(self) -> str:
        """Give the sentence, not KeyError's repr of it."""
        return f"no plan {self.id!r}"


class Conflict(RuleError):
    """What is there already says otherwise: an id that is taken, another body under the same id.

    `data` holds what a program needs to tell the two apart, such as both digests.
    """

    code = "CONFLICT"

    def __init__(self, message: str, **data: object) -> None:
        """Keep the sentence for people and the data for programs (plain JSON values)."""
        super().__init__(message)
        self.data = data

    def details(self) -> dict[str, object]:
        """Give the data."""
        return dict(self.data)


class CouponRefused(Conflict):
    """A coupon that may not be redeemed; `reasons` are words of `core.qualification.Reason`.

    Who typed a code is told only that it is not valid, whatever the reason is.
    """

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        """Keep the reasons for programs."""
        super().__init__(message, reasons=list(reasons))
        self.reasons = tuple(reasons)


class QuoteExpired(Conflict):
    """A quote that is no longer good: ask for a new one."""

    code = "QUOTE_EXPIRED"


class PriceChanged(Conflict):
    """A quote whose figures are not what would be charged now: ask for a new one."""

    code = "PRICE_CHANGED"


class PriceCapExceeded(Conflict):
    """A price migration after which some would pay more than its cap: nobody is moved.

    `customers` are the first 20 of `count`, the worst first.
    """

    def __init__(self, message: str, customers: Sequence[str], count: int) -> None:
        """Keep the sentence, and who it is about."""
        super().__init__(message, customers=list(customers), count=count)
        self.customers, self.count = tuple(customers), count


class TaxUndecided(RuleError):
    """What is known of seller, buyer and rules does not say which tax is owed: nothing is guessed.

    The document waits until it is known.
    """

    code = "TAX_UNDECIDED"


class InsufficientCredit(RuleError):
    """Less credit is left than is asked for; nothing was taken."""

    code = "PAYMENT_REQUIRED"

    def __init__(self, message: str, *, asked: str, left: str) -> None:
        """Keep the sentence, and both figures as plain decimal texts."""
        super().__init__(message)
        self.asked, self.left = asked, left

    def details(self) -> dict[str, object]:
        """Give what was asked for and what is left."""
        return {"asked": self.asked, "left": self.left}


class QuotaExceeded(RuleError):
    """A limit is reached: nothing was used, and nothing is reserved.

    Figures are plain decimal texts; `resets_at` is RFC 3339 text, None where it never does.
    `upgrade_to` names the cheapest plan that would allow it.
    """

    code = "QUOTA_EXCEEDED"

    def __init__(
        self,
        message: str,
        *,
        feature: str,
        limit: str | None,
        used: str,
        reserved: str = "0",
        resets_at: str | None = None,
        upgrade_to: str | None = None,
    ) -> None:
        """Keep the sentence for people and the figures for programs."""
        super().__init__(message)
        self.feature, self.limit, self.used, self.reserved = feature, limit, used, reserved
        self.resets_at, self.upgrade_to = resets_at, upgrade_to

    def details(self) -> dict[str, object]:
        """Give the figures."""
        names = ("feature", "limit", "used", "reserved", "resets_at", "upgrade_to")
        return {name: getattr(self, name) for name in names}


class RateLimited(RuleError):
    """Too much was tried: nothing is answered for `wait` seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, wait: int) -> None:
        """Keep the sentence, and how long to wait."""
        super().__init__(message)
        self.wait = wait

    def details(self) -> dict[str, object]:
        """Give how long to wait."""
        return {"wait": self.wait}


class ReservationOver(Conflict):
    """A reservation that was committed, released or has expired: it holds nothing any more."""


class ForbiddenError(RuleError):
    """Not allowed.  Hosts raise it in their own handlers."""

    code = "FORBIDDEN"


class AccessDenied(ForbiddenError):
    """What a customer has does not include it; `reason` is a word of `core.entitlement.Reason`."""

    def __init__(
        self, message: str, *, feature: str, reason: str, upgrade_to: str | None = None
    ) -> None:
        """Keep the sentence for people, and why for programs."""
        super().__init__(message)
        self.feature, self.reason, self.upgrade_to = feature, reason, upgrade_to

    def details(self) -> dict[str, object]:
        """Give the feature, why it is denied, and what would unlock it."""
        return {"feature": self.feature, "reason": self.reason, "upgrade_to": self.upgrade_to}


class PaymentNeeded(AccessDenied):
    """Nothing is given before something is paid: no subscription, a trial over, one past due."""

    code = "PAYMENT_REQUIRED"


class RequestError(TallystickError):
    """A request that cannot be answered as it was sent."""

    code = "BAD_REQUEST"


class BadRequest(RequestError):
    """The request itself is malformed."""


class Unauthorized(RequestError):
    """Who asks has not said who they are, or cannot prove it; why is for the log alone."""

    code = "UNAUTHORIZED"


class MethodNotAllowed(RequestError):
    """The route exists, the method does not."""

    code = "METHOD_NOT_ALLOWED"


class PayloadTooLarge(RequestError):
    """The body is larger than the route takes."""

    code = "PAYLOAD_TOO_LARGE"


class TenantSuspended(RuleError):
    """The tenant is suspended: it may do nothing until that is lifted."""

    code = "TENANT_SUSPENDED"


class TenantInactive(RuleError):
    """The tenant is not active any more, or not yet."""

    code = "TENANT_INACTIVE"


class StorageUnavailable(TallystickError):
    """The database does not answer now, or has no room: nothing was lost, ask again later.

    `again` says that the same transaction may succeed at once (a deadlock, a lost connection).
    `unknown` says that the answer to a COMMIT was lost: it may or may not have been made.
    """

    code = "SERVICE_UNAVAILABLE"

    def __init__(self, message: str, *, again: bool = False, unknown: bool = False) -> None:
        """Keep the sentence, and what is known of the transaction."""
        super().__init__(message)
        self.again, self.unknown = again, unknown

    def details(self) -> dict[str, object]:
        """Say whether what was asked may have been done after all."""
        return {"outcome": "unknown"} if self.unknown else {}


class OutcomeUnknown(TallystickError):
    """A provider did not answer: what was asked may or may not have been done.

    The same is asked again with the same key.
    """

    code = "SERVICE_UNAVAILABLE"

    def details(self) -> dict[str, object]:
        """Say that it may have been done after all."""
        return {"outcome": "unknown"}


class SetupError(TallystickError):
    """The installation or its settings are wrong: the operator can cure it."""

    code = "INTERNAL_ERROR"


class MissingExtra(SetupError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Name what needs it and the one command that cures it."""
        super().__init__(f"{what} needs an extra: pip install 'tallystick[{extra}]'")
        self.what, self.extra = what, extra


class CatalogNotFound(SetupError):
    """No catalogue file where one was looked for."""


class MigrationRefused(SetupError):
    """The tables are not as this version knows them: a migration was changed, or is unknown."""
