"""The admin's pages list subscriptions and usage, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tallystick.errors import SetupError
from tallystick.integrations.django.models import Subscription, UsageEvent
from tests.integrations.shop import NOON

if TYPE_CHECKING:
    from tallystick.integrations.django.ledger import Ledger

PAGES = {"subscription": Subscription, "usageevent": UsageEvent}


@pytest.fixture
def sold(tally: Ledger) -> Ledger:
    for name in ("acme", "globex"):
        tally.customers.create(name, name=name.title(), currency="USD")
        tally.subscriptions.start(name, "pro")
        tally.use(name, "apiRequests", 7)
    return tally


def signed_in(**rights: Any) -> Client:
    user = User.objects.create_user("ann", password="ann", is_staff=True, **rights)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("page", "shown"), [("subscription", "pro"), ("usageevent", "apiRequests")]
)
def test_a_page_lists_what_there_is(sold: Ledger, page: str, shown: str) -> None:
    client = signed_in(is_superuser=True)
    listed = client.get(f"/admin/tallystick/{page}/").content.decode()
    assert all(each in listed for each in ("acme", "globex", shown, "Nov. 10, 2026"))
    found = client.get(f"/admin/tallystick/{page}/?q=acme").content.decode()
    assert "acme" in found
    assert "globex" not in found
    key = PAGES[page].objects.filter(customer="acme").get().pk
    one = client.get(f"/admin/tallystick/{page}/{key}/change/").content.decode()
    assert shown in one
    assert 'name="_save"' not in one


def test_subscriptions_are_found_by_state_and_plan(sold: Ledger) -> None:
    client = signed_in(is_superuser=True)
    for query, count in (("state=active", 2), ("state=paused", 0), ("plan=pro", 2)):
        listed = client.get(f"/admin/tallystick/subscription/?{query}").content.decode()
        assert f"{count} subscription" in listed


def test_nothing_can_be_added_changed_or_deleted(sold: Ledger) -> None:
    client = signed_in(is_superuser=True)
    for page, model in PAGES.items():
        before = list(model.objects.values())
        key = model.objects.earliest("pk").pk
        posts = [
            f"/admin/tallystick/{page}/add/",
            f"/admin/tallystick/{page}/{key}/change/",
            f"/admin/tallystick/{page}/{key}/delete/",
        ]
        assert [client.post(each, {"customer": "evil"}).status_code for each in posts] == [403] * 3
        assert list(model.objects.values()) == before
        with pytest.raises(SetupError):
            model.objects.all().delete()
        with pytest.raises(SetupError):
            model.objects.update(customer="evil")
        with pytest.raises(SetupError):
            model.objects.create(customer="evil")
        with pytest.raises(SetupError):
            model.objects.earliest("pk").delete()
        with pytest.raises(SetupError):
            model.objects.earliest("pk").save()


def test_a_page_is_for_those_who_have_the_right(sold: Ledger) -> None:
    client = signed_in()
    assert client.get("/admin/tallystick/subscription/").status_code == 403
    named = set(
        Permission.objects.filter(content_type__app_label="tallystick").values_list(
            "codename", flat=True
        )
    )
    assert named == {"view_subscription", "view_usageevent"}
    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_subscription"))
    assert client.get("/admin/tallystick/subscription/").status_code == 200
    assert client.get("/admin/tallystick/usageevent/").status_code == 403


def test_times_are_read_and_compared_on_both_databases(sold: Ledger) -> None:
    one = Subscription.objects.filter(customer="acme", created_at__lte=NOON).get()
    assert one.created_at == NOON
    assert str(one) == "pro@1 of acme"
    assert not Subscription.objects.filter(created_at__gt=NOON).exists()
    event = UsageEvent.objects.get(customer="acme")
    assert (str(event), event.occurred_at) == ("apiRequests of acme", NOON)
