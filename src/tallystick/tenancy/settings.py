"""What a TenantMiddleware is told, read and refused when the program starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from tallystick.core.spelling import did_you_mean
from tallystick.errors import SetupError
from tallystick.tenancy.admission import Isolation, Tenancy
from tallystick.tenancy.facts import networks
from tallystick.tenancy.lookup import TenantLookup
from tallystick.tenancy.resolve import RESOLUTIONS, Sources
from tallystick.tenancy.tokens import Jwt

if TYPE_CHECKING:
    from tallystick.ports import Clock
    from tallystick.tenancy.resolve import Resolution
    from tallystick.tenancy.tenant import Tenant

__all__ = ["STRATEGIES", "Options", "TenancyConfig", "read_config"]

STRATEGIES: Final = ("shared", "schema", "database", "hybrid")
"""How the host's own tables are kept apart."""

_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


class TenancyConfig(TypedDict, total=False):
    """The `config` of a TenantMiddleware.

    `strategy` is a word of `STRATEGIES`, `resolution` one of `RESOLUTIONS` or a list of them, tried
    in order.  The rest says where each looks: see `tallystick.tenancy.resolve.Sources`.
    """

    strategy: str
    resolution: str | list[str]
    domain: str
    not_tenants: list[str]
    path_prefix: str
    header: str
    query: str
    jwt: Jwt
    trusted_proxies: list[str]


class Options(TypedDict, total=False):
    """What a TenantMiddleware takes beside its `config` and `lookup_tenant`.

    `principal` names who asks; `domain_lookup` and `custom` serve the resolutions of their name;
    `customer` names who is billed, by default the tenant's id; `isolation` opens connections;
    `public` are paths that need no tenant, `/static/*` with all below; `cache_seconds` and
    `cache_size` bound how long and how many tenants are kept; `clock` is the machine's.
    """

    principal: Callable[..., Any] | None
    domain_lookup: Callable[..., Any] | None
    custom: Callable[..., Any] | None
    customer: Callable[[Tenant], str] | None
    isolation: Isolation | None
    public: Iterable[str]
    cache_seconds: int
    cache_size: int
    clock: Clock


def read_config(
    config: TenancyConfig | Mapping[str, Any],
    lookup_tenant: Callable[..., Any] | TenantLookup,
    options: Options,
    clock: Clock,
) -> Tenancy:
    """Read the settings; everything is refused here rather than with the first request.

    Raises SetupError, which names the setting and the cure.
    """
    _refuse_unknown(config, TenancyConfig, "config")
    _refuse_unknown(options, Options, "TenantMiddleware")
    ways = _ways(config.get("resolution"))
    _refuse_strategy(config.get("strategy", "shared"), options.get("isolation"))
    _refuse_missing(ways, config, options)
    return Tenancy(
        ways=ways,
        sources=_sources(config, options),
        lookup=_lookup(lookup_tenant, options, clock),
        clock=clock,
        principal=options.get("principal"),
        customer=options.get("customer"),
        isolation=options.get("isolation"),
        public=_paths(options.get("public", ())),
    )


def _lookup(
    function: Callable[..., Any] | TenantLookup, options: Options, clock: Clock
) -> TenantLookup:
    if isinstance(function, TenantLookup):
        if "cache_seconds" in options or "cache_size" in options:
            raise SetupError("a TenantLookup says itself how long and how many it keeps")
        return function
    return TenantLookup(
        function,
        clock,
        seconds=options.get("cache_seconds", 30),
        most=options.get("cache_size", 10_000),
    )


def _refuse_unknown(given: object, known: type, where: str) -> None:
    if not isinstance(given, Mapping):
        raise SetupError(f"{where} is a mapping, not {type(given).__name__}")
    names = known.__annotations__
    for name in given:
        if name not in names:
            hint = did_you_mean(str(name), names)
            raise SetupError(f"{where} knows no {str(name)!r}; {hint}".rstrip("; "))


def _ways(written: object) -> tuple[Resolution, ...]:
    ways = (written,) if isinstance(written, str) else tuple(cast("Iterable[str]", written or ()))
    if not ways or not set(ways) <= set(RESOLUTIONS) or len(set(ways)) < len(ways):
        raise SetupError(
            f"resolution is one of {', '.join(RESOLUTIONS)}, or a list of them, each once"
        )
    return cast("tuple[Resolution, ...]", ways)


def _refuse_strategy(word: object, isolation: object) -> None:
    if word not in STRATEGIES:
        raise SetupError(f"strategy is one of {', '.join(STRATEGIES)}")
    kind = getattr(isolation, "strategy", word)
    if isolation is None and word != "shared":
        raise SetupError(
            f"the strategy {word!r} needs isolation=, one of tallystick.tenancy.isolation: without "
            "it all tenants would share what you connect to"
        )
    if kind != word:
        raise SetupError(f"the strategy is {word!r}, but isolation= is for {kind!r}")


def _refuse_missing(
    ways: tuple[str, ...], config: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    needs = {"custom_domain": "domain_lookup", "custom": "custom"}
    for way, name in needs.items():
        if (way in ways) != callable(options.get(name)):
            raise SetupError(f"the resolution {way!r} and {name}= (a function) go together")
    if ("jwt" in ways) != isinstance(config.get("jwt"), Jwt):
        raise SetupError("the resolution 'jwt' and config['jwt'] (a Jwt) go together")
    for name in ("principal", "customer"):
        if options.get(name) is not None and not callable(options[name]):
            raise SetupError(f"{name}= is a function")


def _sources(config: Mapping[str, Any], options: Mapping[str, Any]) -> Sources:
    usual = Sources()
    domain = config.get("domain")
    return Sources(
        domain=None if domain is None else _matching(_HOST, domain, "domain"),
        not_tenants=frozenset(config.get("not_tenants", usual.not_tenants)),
        path_prefix=_matching(_PREFIX, config.get("path_prefix", usual.path_prefix), "path_prefix"),
        header=_matching(_HEADER, config.get("header", usual.header), "header"),
        query=_matching(_HEADER, config.get("query", usual.query), "query"),
        domain_lookup=options.get("domain_lookup"),
        custom=options.get("custom"),
        jwt=config.get("jwt"),
        proxies=networks(config.get("trusted_proxies", ())),
    )


def _matching(pattern: re.Pattern[str], written: object, name: str) -> str:
    if not isinstance(written, str) or not pattern.fullmatch(written):
        raise SetupError(f"{name} cannot be {written!r}")
    return written


def _paths(written: Iterable[str]) -> tuple[str, ...]:
    paths = (written,) if isinstance(written, str) else tuple(written)
    if not all(isinstance(each, str) and each.startswith("/") for each in paths):
        raise SetupError("public is a list of paths, each from the first /")
    if "/*" in paths:
        raise SetupError("public: '/*' would open every path; name those that are meant")
    return paths
