"""Upgrades of a library that an earlier version made."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from library.hashes import name_digest


@pytest.fixture
def before_catalogues(transactional_db: None) -> Iterator[Any]:
    """The models as they were before there were catalogues and manifests; in the end all is as it is now."""
    executor = MigrationExecutor(connection)
    executor.migrate([("library", "0002_reading_and_matching")])
    yield executor.loader.project_state([("library", "0002_reading_and_matching")]).apps
    upgrade()


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_books_of_an_earlier_version_are_listed_found_and_handed_out(before_catalogues: Any) -> None:
    models = {name: before_catalogues.get_model("library", name).objects for name in ("Author", "Series", "Book")}
    author = models["Author"].create(name="Émile Zola")
    series = models["Series"].create(name="Les Rougon-Macquart")
    book = models["Book"].create(
        title="L'Assommoir", title_key="assommoir", sort_title="Assommoir, L'", series=series, series_index=7
    )
    before_catalogues.get_model("library", "Authorship").objects.create(book=book, author=author, place=0)
    files = before_catalogues.get_model("library", "BookFile").objects
    for path, format in (("Zola/assommoir.epub", "epub"), ("Zola/assommoir.kepub.epub", "kepub.epub")):
        files.create(book=book, path=path, name_key="", format=format, size=1, mtime_ns=1, sha256=path, ko_md5=format)
    single = models["Book"].create(title="Germinal", title_key="germinal")

    upgrade()

    from accounts.models import Reader
    from library.catalogue import authors_by_name, books_by_title, search_books
    from library.manifests import refresh_manifests, series_list, series_manifest
    from library.models import FileNameDigest

    ada = Reader.objects.create_user("ada")
    assert [each.book_id for each in books_by_title(ada).items] == [book.pk, single.pk]
    assert [each.book_id for each in search_books(ada, "emile rougon").items] == [book.pk]
    assert [each.name for each in authors_by_name(ada, initial="e").items] == ["Émile Zola"]
    assert refresh_manifests() == ([series.pk], True)
    manifest, listed = series_manifest(ada, book.pk), series_list()
    assert manifest is not None
    assert b"Vol. 7 \xe2\x80\x94 L'Assommoir.epub" in (manifest.body or b"")
    assert b'"book_count":1' in (listed.body or b"")
    known = set(FileNameDigest.objects.values_list("digest", flat=True))
    for name in ("assommoir.epub", "Vol. 7 — L'Assommoir.epub", "Émile Zola - Vol. 7 — L'Assommoir.kepub.epub"):
        assert name_digest(name) in known
