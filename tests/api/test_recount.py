from django.test import Client
from django.utils import timezone

from accounts.models import Reader
from reading.models import Recount
from reading.zones import change_day
from tests.api.answers import json_of

PATH = "/api/stats/recount"


def test_it_tells_how_far_a_recount_is(ada: Reader, device_client: Client, strange_client: Client, bob: Reader) -> None:
    assert device_client.get(PATH).status_code == 204
    change_day(ada, timezone="Asia/Kolkata", now=timezone.now())
    Recount.objects.update(done=3, days=12)
    assert json_of(device_client.get(PATH)) == {"done": 3, "days": 12}
    assert strange_client.get(PATH).status_code == 204


def test_a_logged_in_reader_may_ask(ada: Reader, client: Client) -> None:
    client.force_login(ada)
    assert client.get(PATH).status_code == 204
