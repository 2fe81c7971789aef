"""How a program reaches its Stripe account: a key, whose it is, and the secrets of webhooks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tallystick.core.intent import ProviderAccount
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["StripeSettings", "settings_from"]

_KEY: Final = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9]{4,240}", re.ASCII)
_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9]{1,64}", re.ASCII)
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,240}", re.ASCII)
_RETURN: Final = re.compile(r"https?://[!-~]{1,1900}", re.ASCII)
# What is written in examples: who left it there has no secret at all.
_PLACEHOLDER: Final = re.compile(
    r"(?:x+|\.+|your.*|change.*|example.*|secret.*|placeholder.*)", re.IGNORECASE
)
_VARIABLES: Final = {
    "key": "TALLYSTICK_STRIPE_KEY",
    "account": "TALLYSTICK_STRIPE_ACCOUNT",
    "secrets": "TALLYSTICK_STRIPE_WEBHOOK_SECRETS",
    "address": "TALLYSTICK_STRIPE_ADDRESS",
    "return_url": "TALLYSTICK_STRIPE_RETURN_URL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSettings:
    """One account of Stripe, as this program reaches it.

    `account` is its id (`acct_…`), None where nobody said: then only the price list can be set up.
    `secrets` are those of webhook endpoints, several while one takes the place of another.
    `address` is where another answers in Stripe's place; a live key is never sent there.
    `return_url` is where a payer goes who paid an invoice on a page of Stripe's; without it there
    is no such page.  None of the secrets is in its `repr`.
    """

    key: str = field(repr=False)
    account: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    address: str | None = None
    return_url: str | None = None

    def __post_init__(self) -> None:
        """Look at each of them.  Raises SetupError."""
        if not isinstance(self.key, str) or _KEY.fullmatch(self.key) is None:
            raise SetupError(
                f"{_VARIABLES['key']} is a key of Stripe, secret or restricted: sk_test_…,"
                " sk_live_…, rk_test_… or rk_live_…"
            )
        if self.account is not None and _ACCOUNT.fullmatch(self.account) is None:
            raise SetupError(
                f"{_VARIABLES['account']} is the id of an account, as acct_1Nv…: `tallystick stripe"
                " account` tells it"
            )
        for secret in self.secrets:
            _check_secret(secret)
        if self.return_url is not None and _RETURN.fullmatch(self.return_url) is None:
            raise SetupError(
                f"{_VARIABLES['return_url']} is a whole address, as https://example.com/paid"
            )
        if self.address is not None and self.live:
            raise SetupError(
                f"a live key is sent to Stripe alone: leave {_VARIABLES['address']} out, or use a"
                " test key"
            )

    @property
    def live(self) -> bool:
        """Whether the money is real."""
        found = _KEY.fullmatch(self.key)
        return found is not None and found[1] == "live"

    @property
    def provider_account(self) -> ProviderAccount:
        """The account as the engine names it.  Raises SetupError where nobody said which it is."""
        if self.account is None:
            raise SetupError(
                f"set {_VARIABLES['account']} to the id of the account that the key is of:"
                " `tallystick stripe account` tells it"
            )
        return ProviderAccount(id=self.account, live=self.live)


def settings_from(environ: Mapping[str, str] | None = None) -> StripeSettings:
    """Read the settings from TALLYSTICK_STRIPE_KEY, …_ACCOUNT, …_WEBHOOK_SECRETS and so on.

    Secrets are separated by commas.  A secret that is set but empty is refused: who set it meant to
    be asked for one.

    Raises SetupError, which names the variable and never shows a secret.
    """
    said = os.environ if environ is None else environ
    key = said.get(_VARIABLES["key"], "").strip()
    if not key:
        raise SetupError(f"set {_VARIABLES['key']} to a key of your Stripe account")
    secrets = said.get(_VARIABLES["secrets"])
    return StripeSettings(
        key=key,
        account=said.get(_VARIABLES["account"], "").strip() or None,
        secrets=() if secrets is None else tuple(each.strip() for each in secrets.split(",")),
        address=said.get(_VARIABLES["address"], "").strip() or None,
        return_url=said.get(_VARIABLES["return_url"], "").strip() or None,
    )


def _check_secret(secret: str) -> None:
    body = secret.removeprefix("whsec_") if isinstance(secret, str) else ""
    if _SECRET.fullmatch(secret or "") is None or _PLACEHOLDER.fullmatch(body) is not None:
        raise SetupError(
            f"{_VARIABLES['secrets']} holds what is no secret of a webhook endpoint: each is"
            " whsec_… as Stripe shows it; empty or made-up ones would let anybody in"
        )
