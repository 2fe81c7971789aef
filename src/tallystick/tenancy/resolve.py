"""Which tenant a request names: by its address, a header, its query, a signed token, or as you say.

Each source is a function from a request to a name or None, and knows nothing of whether there is
such a tenant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl

from tallystick.core.text import id_at
from tallystick.errors import BadRequest, InvalidInput, TenantNotFound, Unauthorized
from tallystick.tenancy.facts import host_of
from tallystick.tenancy.steps import Call, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tallystick.tenancy.facts import Network, RequestFacts
    from tallystick.tenancy.tokens import Jwt

__all__ = ["RESOLUTIONS", "Resolution", "Sources", "named_by", "path_prefix_of"]

Resolution: TypeAlias = Literal[
    "subdomain", "custom_domain", "path", "header", "query", "jwt", "custom"
]
"""How a request names its tenant."""

RESOLUTIONS: Final[tuple[str, ...]] = get_args(Resolution)
"""All of them."""

_LONGEST_QUERY: Final = 65_536
_MOST_PARAMETERS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where each way of naming a tenant looks.

    `domain` is what stands after the subdomain; without it, the first of three or more labels is
    the tenant (of two, where the last is `localhost`).  `not_tenants` are subdomains that name
    nobody.  `path_prefix` is what stands before the name in a path.
    """

    domain: str | None = None
    not_tenants: frozenset[str] = frozenset({"www"})
    path_prefix: str = "/t"
    header: str = "X-Tenant-ID"
    query: str = "tenant"
    domain_lookup: Callable[..., Any] | None = None
    custom: Callable[..., Any] | None = None
    jwt: Jwt | None = None
    proxies: tuple[Network, ...] = field(default=())


def named_by(
    way: Resolution, sources: Sources, request: RequestFacts, at: datetime
) -> Steps[str | None]:
    """Give the name that a request gives in one way, None where it gives none.

    Raises BadRequest where it gives two, Unauthorized for a token that is not accepted,
    TenantNotFound for what can be nobody's name.
    """
    asked = _ASKED.get(way)
    if asked is not None:
        return _checked(asked(sources, request))
    if way == "jwt":
        return _checked(_in_token(sources, request, at))
    host_code = sources.custom
    argument: Any = request
    if way == "custom_domain":
        host_code, argument = sources.domain_lookup, host_of(request, sources.proxies)
    if host_code is None or argument is None:
        return None
    return _checked((yield Call(host_code, (argument,))))


def path_prefix_of(sources: Sources, request: RequestFacts) -> str:
    """Give the part of the path that only names the tenant, as `/t/acme`; empty without one."""
    name = _in_path(sources, request)
    return "" if name is None else f"{sources.path_prefix}/{name}"


def _checked(name: object) -> str | None:
    if name is None or name == "":
        return None
    try:
        return id_at(name, "tenant")
    except InvalidInput:
        raise TenantNotFound from None


def _in_host(sources: Sources, request: RequestFacts) -> str | None:
    host = host_of(request, sources.proxies)
    if host is None or host.replace(".", "").isdigit() or ":" in host:
        return None
    if sources.domain is not None:
        name, dot, rest = host.partition("." + sources.domain)
        label = name if dot and not rest else ""
    else:
        labels = host.split(".")
        enough = 2 if labels[-1] == "localhost" else 3
        label = labels[0] if len(labels) >= enough else ""
    # A deeper name is nobody's: `x.acme` is not `acme`.
    return label if label and "." not in label and label not in sources.not_tenants else None


def _in_path(sources: Sources, request: RequestFacts) -> str | None:
    if not request.path.startswith(sources.path_prefix + "/"):
        return None
    return request.path[len(sources.path_prefix) + 1 :].partition("/")[0] or None


def _in_header(sources: Sources, request: RequestFacts) -> str | None:
    return request.header(sources.header)


def _in_query(sources: Sources, request: RequestFacts) -> str | None:
    try:
        if len(request.query) > _LONGEST_QUERY:
            raise BadRequest("the query is longer than 65,536 characters")
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise BadRequest(f"the query has more than {_MOST_PARAMETERS} parameters") from None
    found = [value for name, value in pairs if name == sources.query]
    if len(found) > 1:
        raise BadRequest(f"the query names {len(found)} tenants: name one")
    return found[0] if found else None


def _in_token(sources: Sources, request: RequestFacts, at: datetime) -> str | None:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    if sources.jwt is None or scheme.lower() != "bearer":
        return None
    claims = sources.jwt.read(token.strip(), at)
    name = claims.get(sources.jwt.claim)
    if not isinstance(name, str) or not name:
        raise Unauthorized("the token names no tenant")
    return name


_ASKED: Final[Mapping[str, Callable[[Sources, RequestFacts], str | None]]] = {
    "subdomain": _in_host,
    "path": _in_path,
    "header": _in_header,
    "query": _in_query,
}
