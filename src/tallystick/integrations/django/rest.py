"""Django REST framework: features as permissions, quotas as throttles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tallystick.errors import MissingExtra
from tallystick.integrations.django.gates import passes, reserve
from tallystick.integrations.django.ledger import tally
from tallystick.integrations.django.middleware import held_for
from tallystick.integrations.needs import check_feature, need_of

try:
    from rest_framework.permissions import BasePermission
    from rest_framework.throttling import BaseThrottle
except ImportError as error:
    raise MissingExtra("tallystick.integrations.django.rest", "django-rest") from error

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from tallystick.integrations.needs import Need

__all__ = ["FeaturePermission", "QuotaThrottle"]


class FeaturePermission(BasePermission):
    """Lets only those pass whose plan includes `feature`; uses nothing.

    `class Domains(FeaturePermission): feature = "customDomains"`.
    """

    feature: ClassVar[str]

    def __init_subclass__(cls, **named: Any) -> None:  # noqa: ANN401 - of every class
        """Read what it asks for.  Raises SetupError."""
        super().__init_subclass__(**named)
        check_feature(tally, cls.feature)

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the shape of a permission
        """Let pass.

        Raises AccessDenied, PaymentNeeded, Unauthorized: the middleware answers them.
        """
        passes(request, self.feature)
        return True


class QuotaThrottle(BaseThrottle):
    """Uses `quantity` of the quota `feature` for each request that succeeds.

    `class Search(QuotaThrottle): feature = "apiRequests"`.  It is reserved before the view runs,
    and committed or released by the middleware, as its answer says.  `quantity` may be a static
    method of the request.
    """

    feature: ClassVar[str]
    quantity: ClassVar[Any] = 1
    _need: ClassVar[Need]

    def __init_subclass__(cls, **named: Any) -> None:  # noqa: ANN401 - of every class
        """Read what it uses.  Raises SetupError for what the catalogue cannot give."""
        super().__init_subclass__(**named)
        cls._need = need_of(tally, cls.feature, cls.quantity, None, quota=True)

    def allow_request(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the shape of a throttle
        """Hold it for the request.

        Raises QuotaExceeded, AccessDenied, Unauthorized: the middleware answers them.
        """
        held = held_for(request._request)  # noqa: SLF001 - which the middleware has met
        held.append(reserve(request, self._need))
        return True
