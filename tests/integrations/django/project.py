"""A small Django project for the tests: settings in this process, the database of each test."""

from __future__ import annotations

import atexit
import functools
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from sqlalchemy import make_url

from tallystick.integrations.django import ledger, tally
from tallystick.testing.clock import FrozenClock
from tests.databases import new_postgresql
from tests.integrations.shop import NOON, PLANS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.integrations.django.ledger import Ledger
    from tests.databases import Kind

__all__ = ["CLOCK", "by_header", "migrated", "on", "set_up", "settings_of", "undone"]

CLOCK = FrozenClock(NOON)
MIDDLEWARE = "tallystick.integrations.django.middleware.BillingMiddleware"


def by_header(request: Any) -> str:
    return str(request.headers["x-org"])


def set_up() -> None:
    """Configure Django, once in a process."""
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="tests",
        ALLOWED_HOSTS=["testserver"],
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "tallystick.integrations.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            MIDDLEWARE,
        ],
        ROOT_URLCONF="tests.integrations.django.urls",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "UNAUTHENTICATED_USER": None,
        },
        LOGGING_CONFIG=None,
        USE_TZ=True,
        TALLYSTICK={
            "CATALOG": PLANS,
            "DEFAULT_PLAN": "free",
            "CUSTOMER": by_header,
            "CLOCK": CLOCK,
        },
    )
    django.setup()


def settings_of(url: str) -> dict[str, Any]:
    """Give the entry of DATABASES for an address."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        name = address.database or ":memory:"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.database,
        "USER": address.username or "",
        "PASSWORD": address.password or "",
        "HOST": address.host or address.query.get("host", ""),
        "PORT": str(address.port or ""),
    }


@contextmanager
def on(url: str, **others: str) -> Iterator[Ledger]:
    """Have Django's default connection be to a database, in every thread that begins now."""
    _put({name: settings_of(each) for name, each in {"default": url, **others}.items()})
    try:
        yield tally
    finally:
        connections.close_all()
        _put({"default": settings_of("sqlite://")})


@contextmanager
def migrated(kind: Kind, folder: Path) -> Iterator[Ledger]:
    """Have it be to a database of a kind that `manage.py migrate` has been run on."""
    if kind == "postgresql":
        with new_postgresql(_migrated_postgresql()) as url, on(url) as ledger:
            yield ledger
        return
    file = folder / "django.db"
    if kind == "sqlite-file":
        file.write_bytes(_migrated_sqlite())
    with on(f"sqlite:///{file}" if kind == "sqlite-file" else "sqlite://") as ledger:
        if kind == "sqlite-memory":
            source = sqlite3.connect(":memory:")
            source.deserialize(_migrated_sqlite())
            source.backup(_driver())
            source.close()
        yield ledger


@functools.cache
def _migrated_sqlite() -> bytes:
    with on("sqlite://"):
        call_command("migrate", verbosity=0)
        image: bytes = _driver().serialize()
        return image


@functools.cache
def _migrated_postgresql() -> str:
    """Migrate one database that the others are copied from, which is quicker than migrating."""
    opened = new_postgresql()
    url = opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    with on(url):
        call_command("migrate", verbosity=0)
    return str(make_url(url).database)


class _Undone(Exception):
    """Rolls a transaction back."""


@contextmanager
def undone() -> Iterator[None]:
    """Be in a transaction of the project that fails in the end."""
    with suppress(_Undone), transaction.atomic():
        yield
        raise _Undone


def _driver() -> Any:
    connections["default"].ensure_connection()
    return connections["default"].connection


def _put(chosen: dict[str, Any]) -> None:
    connections.settings = connections.configure_settings(chosen)
    with suppress(AttributeError):  # where this thread has not opened it yet
        del connections["default"]
    ledger._lazy.forget()
