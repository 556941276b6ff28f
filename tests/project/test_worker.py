import pytest
from django.db import connections

from project.worker import commit_lazily


@pytest.mark.django_db
def test_imports_alone_do_not_wait_for_the_disk() -> None:
    def patience() -> str:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit")
            return {"1": "lazy", "off": "lazy", "2": "safe", "on": "safe"}[str(cursor.fetchone()[0])]

    connection = connections.create_connection("default")
    try:
        assert patience() == "safe"
        commit_lazily(connection)
        assert patience() == "lazy"
    finally:
        connection.close()
