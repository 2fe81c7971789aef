"""OpenFeature: what a customer may do, as flags of the official SDK."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tallystick.core.access_tree import access_tree, count_of
from tallystick.core.period import instant_text
from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import id_at
from tallystick.errors import InvalidInput, MissingExtra, SetupError

try:
    from openfeature.exception import (
        FlagNotFoundError,
        GeneralError,
        InvalidContextError,
        TargetingKeyMissingError,
        TypeMismatchError,
    )
    from openfeature.flag_evaluation import FlagResolutionDetails, Reason
    from openfeature.provider import AbstractProvider, Metadata
except ImportError as error:
    raise MissingExtra("tallystick.integrations.openfeature", "openfeature") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagMetadata, FlagValueType

    from tallystick.core.entitlement import Access
    from tallystick.core.snapshot import Entitlements
    from tallystick.wiring import Tallystick

__all__ = ["TallystickProvider"]

T = TypeVar("T")

_MAX_AGE: Final = 5.0  # seconds
_OLDEST: Final = 3_600
_REQUESTED: Final = "requested"
_COUNTS: Final = ("limit", "used", "reserved", "remaining")
_NOTHING: Final = object()


class TallystickProvider(AbstractProvider):
    """The features of a ledger as flags: `api.set_provider(TallystickProvider(tally))`.

    The flag's key is the feature's, the targeting key the customer.  A boolean flag says whether
    they may use it now, one more unit or as many as the attribute `requested` says; a configuration
    value of true or false is that value.  An integer or a float is the limit as written (-1 is
    unlimited), 0 where nothing is given, or a configuration value that is a number; a text is a
    configuration value.  An object is a configuration value, else the whole answer.

    `variant` is the plan; `flag_metadata` has `reason`, `text`, `unlimited`, and where they say
    something `limit`, `used`, `reserved`, `remaining`, `resets_at`, `warning` and `upgrade_to`.
    What has no answer has the default of the call, with an error code: no customer, a flag of no
    plan, another type, a database that is away.  So `False` is the default that fails closed.
    """

    def __init__(self, tally: Tallystick, *, max_age: float = _MAX_AGE) -> None:
        """Answer from `tally.entitlements`: from memory, at most `max_age` seconds old.

        Raises SetupError for an age that is none, or more than an hour.
        """
        if type(max_age) not in {int, float} or not 0 <= max_age <= _OLDEST:
            raise SetupError(f"max_age is seconds, from 0 to {_OLDEST}, not {shown(max_age)}")
        super().__init__()
        self._tally, self._max_age = tally, max_age

    def get_metadata(self) -> Metadata:
        """Give the provider's name."""
        return Metadata(name="tallystick")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the SDK's
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Say whether the customer may use the feature now."""
        return self._resolved(_boolean, flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Give a configuration value that is a text."""
        return self._resolved(_string, flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Give the limit, rounded down to a whole one, or a configuration value."""
        return self._resolved(_integer, flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Give the limit or a configuration value as the nearest float."""
        return self._resolved(_float, flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Give a configuration value that is a list or an object, else the whole answer."""
        return self._resolved(_object, flag_key, default_value, evaluation_context)

    # --- the same, awaited ------------------------------------------------------------------------

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the SDK's
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Say whether the customer may use the feature now."""
        return await self._awaited(_boolean, flag_key, default_value, evaluation_context)

    async def resolve_string_details_async(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Give a configuration value that is a text."""
        return await self._awaited(_string, flag_key, default_value, evaluation_context)

    async def resolve_integer_details_async(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Give the limit, or a configuration value."""
        return await self._awaited(_integer, flag_key, default_value, evaluation_context)

    async def resolve_float_details_async(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Give the limit or a configuration value as the nearest float."""
        return await self._awaited(_float, flag_key, default_value, evaluation_context)

    async def resolve_object_details_async(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Give a configuration value that is a list or an object, else the whole answer."""
        return await self._awaited(_object, flag_key, default_value, evaluation_context)

    # --- asking -----------------------------------------------------------------------------------

    def _resolved(
        self,
        read: Callable[[Access], object],
        flag_key: str,
        default: T,
        context: EvaluationContext | None,
    ) -> FlagResolutionDetails[T]:
        mine = self._tally.entitlements(_customer(context), max_age=self._max_age)
        return self._details(read, mine, flag_key, default, context)

    async def _awaited(
        self,
        read: Callable[[Access], object],
        flag_key: str,
        default: T,
        context: EvaluationContext | None,
    ) -> FlagResolutionDetails[T]:
        customer = _customer(context)
        mine = await self._tally.aio.entitlements(customer, max_age=self._max_age)
        return self._details(read, mine, flag_key, default, context)

    def _details(
        self,
        read: Callable[[Access], object],
        mine: Entitlements,
        flag_key: str,
        default: T,
        context: EvaluationContext | None,
    ) -> FlagResolutionDetails[T]:
        answer = self._answer(mine, flag_key, context)
        value = read(answer)
        found: Any = default if value is _NOTHING else value
        return FlagResolutionDetails(
            value=found,
            reason=Reason.DEFAULT if value is _NOTHING else Reason.TARGETING_MATCH,
            variant=answer.plan or None,
            flag_metadata=_metadata(answer),
        )

    def _answer(
        self, mine: Entitlements, flag_key: str, context: EvaluationContext | None
    ) -> Access:
        asked: Any = 1 if context is None else context.attributes.get(_REQUESTED, 1)
        try:
            answer = mine.check(flag_key, asked)
        except InvalidInput as refused:
            raise InvalidContextError(f"{_REQUESTED}: {refused}") from None
        if answer.reason == "dependency_away":
            raise GeneralError(answer.text)
        if not answer.allowed and flag_key not in mine.features:
            self._check_known(flag_key)
        return answer

    def _check_known(self, flag_key: str) -> None:
        """Refuse a flag of which no plan of the ledger's catalogue says anything."""
        book = self._tally.price_book
        known = {key for plan in book or () for key in plan.features}
        if book is not None and flag_key not in known:
            guess = did_you_mean(str(flag_key), known)
            text = f"no plan has a feature {shown(flag_key)}"
            raise FlagNotFoundError(text + (f"; {guess}" if guess else ""))


def _customer(context: EvaluationContext | None) -> str:
    named = None if context is None else context.targeting_key
    if not named:
        raise TargetingKeyMissingError("the targeting key is the customer's id: set it")
    try:
        return id_at(named, "targeting_key")
    except InvalidInput as refused:
        raise InvalidContextError(str(refused)) from None


def _metadata(answer: Access) -> FlagMetadata:
    """Say what stands behind the value; what says nothing is left out."""
    counts = {name: count_of(getattr(answer, name)) for name in _COUNTS}
    facts = {
        "reason": answer.reason,
        "text": answer.text,
        "unlimited": answer.unlimited,
        **counts,
        "resets_at": None if answer.resets_at is None else instant_text(answer.resets_at),
        "warning": answer.warning,
        "upgrade_to": answer.upgrade_to,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


# --- the value, by the type that is asked for -----------------------------------------------------


def _boolean(answer: Access) -> object:
    return answer.allowed and (answer.value if isinstance(answer.value, bool) else True)


def _integer(answer: Access) -> object:
    number = _number(answer, "a whole number")
    if answer.limit is None and number != int(number):
        raise _mismatch(answer, "a whole number")
    return int(number)  # never more than there is


def _float(answer: Access) -> object:
    return float(_number(answer, "a number"))


def _number(answer: Access, wanted: str) -> int | Decimal:
    """Give the limit, else a configuration value; nothing is 0."""
    if answer.limit is not None:
        return answer.limit
    if not answer.allowed:
        return 0
    if type(answer.value) is int or isinstance(answer.value, Decimal):
        return answer.value
    raise _mismatch(answer, wanted)


def _string(answer: Access) -> object:
    if answer.limit is None and not answer.allowed:
        return _NOTHING
    if isinstance(answer.value, str):
        return answer.value
    raise _mismatch(answer, "a text")


def _object(answer: Access) -> object:
    if answer.limit is None and not answer.allowed:
        return _NOTHING
    if isinstance(answer.value, (list, tuple, Mapping)):
        return _plain(answer.value)
    if answer.value is None:
        return _plain(access_tree(answer))
    raise _mismatch(answer, "a list or an object")


def _mismatch(answer: Access, wanted: str) -> TypeMismatchError:
    return TypeMismatchError(f"{answer.feature} of {answer.plan} is not {wanted}")


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Copy JSON values as the SDK has them: dicts, lists, and no Decimal."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
