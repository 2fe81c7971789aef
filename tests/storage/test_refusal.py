"""What a server says before it lets anyone in: each refusal with what is to be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from tallystick import Tallystick
from tallystick.errors import StorageUnavailable
from tallystick.storage.refusal import meaning
from tests.databases import postgresql_server

if TYPE_CHECKING:
    from sqlalchemy import URL


def refusal(url: URL) -> StorageUnavailable:
    with Tallystick(url) as tally, pytest.raises(StorageUnavailable) as refused:
        tally.catalogs()
    return refused.value


def test_a_database_or_user_that_the_server_has_not_is_named_and_not_tried_again() -> None:
    server = postgresql_server()
    refused = refusal(server.set(database="there_is_none"))
    assert (str(refused), refused.again) == ("the server has no database of that name", False)
    refused = refusal(server.set(username="there_is_none"))
    assert str(refused) == "the database refuses this user or password"
    assert not refused.again


def test_a_server_that_is_not_there_may_come_back() -> None:
    refused = refusal(make_url("postgresql://app@127.0.0.1:1/app?connect_timeout=2"))
    assert str(refused) == "the database cannot be reached: try again"
    assert refused.again


@pytest.mark.parametrize(
    ("said", "sentence", "again"),
    [
        ('FATAL:  password authentication failed for user "a"', "user or password", False),
        ("fe_sendauth: no password supplied", "user or password", False),
        ('FATAL:  no pg_hba.conf entry for host "::1"', "user or password", False),
        ('FATAL:  role "a" is not permitted to log in', "user or password", False),
        ("FATAL:  sorry, too many clients already", "no room left", True),
        ("FATAL:  remaining connection slots are reserved for …", "no room left", True),
        ("FATAL:  the database system is starting up", "starting", True),
        ("FATAL:  Datenbank »a« existiert nicht", "cannot be reached", True),
        ("server closed the connection unexpectedly", "cannot be reached", True),
    ],
)
def test_what_a_server_says_on_connecting(said: str, sentence: str, again: bool) -> None:
    text = f'connection failed: connection to server at "127.0.0.1", port 5432 failed: {said}'
    found = meaning(OperationalError("", None, psycopg.OperationalError(text)))
    assert isinstance(found, StorageUnavailable)
    assert sentence in str(found)
    assert found.again is again
