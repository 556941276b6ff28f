from contextlib import closing

import pytest
from django.db import connection, connections

from library.models import Author
from library.pacing import LONGEST_SECONDS, Pace


@pytest.mark.django_db(transaction=True)
def test_a_worker_rests_only_while_others_write() -> None:
    pace = Pace()
    assert [pace.seconds_to_rest(0.004) for _ in range(3)] == [0, 0, 0]
    Author.objects.create(name="Its own writing does not count")
    assert pace.seconds_to_rest(0.004) == 0
    with closing(connections.create_connection("default")) as other, other.cursor() as cursor:
        cursor.execute("INSERT INTO library_author (name, sort_key) VALUES ('A device', 'a device')")
    is_alone_at_writing = connection.vendor == "sqlite"
    assert pace.seconds_to_rest(0.004) == (0.012 if is_alone_at_writing else 0)
    assert pace.seconds_to_rest(10) == (LONGEST_SECONDS if is_alone_at_writing else 0)
