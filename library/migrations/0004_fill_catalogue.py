from django.db import migrations
from django.utils import timezone

from library.known_names import names_of
from library.hashes import name_digest
from matching.names import search_words, sort_key
from matching.own_names import folder_key, name_key

ROWS = 500


def fill_people_and_series(apps, schema_editor):
    for name, column, derive in (("Author", "sort_key", sort_key), ("Series", "folder_key", folder_key)):
        rows = []
        objects = apps.get_model("library", name).objects
        for row in objects.order_by("pk").iterator(ROWS):
            setattr(row, column, derive(row.name))
            rows.append(row)
        objects.bulk_update(rows, [column], batch_size=ROWS)


def fill_books(apps, schema_editor):
    """What catalogues order and search by, and the names that files may have on devices."""
    books = apps.get_model("library", "Book").objects
    texts = apps.get_model("library", "BookText")
    digests = apps.get_model("library", "FileNameDigest")
    last = 0
    while True:
        batch = list(
            books.filter(pk__gt=last)
            .select_related("series")
            .prefetch_related("authorships__author", "files")
            .order_by("pk")[:ROWS]
        )
        if not batch:
            break
        last = batch[-1].pk
        found = []
        for book in batch:
            people = sorted(book.authorships.all(), key=lambda each: each.place)
            series = book.series.name if book.series else ""
            book.sort_key = sort_key(book.sort_title or book.title)
            book.name_key = name_key(book.title)
            found.append(texts(book=book, words=search_words(book.title, *(each.author.name for each in people), series)))
            book.written_by = [each.author.name for each in people if each.role == "aut"]
        books.bulk_update(batch, ["sort_key", "name_key"])
        texts.objects.bulk_create(found)
        digests.objects.bulk_create(
            (
                digests(digest=digest, file=file)
                for book in batch
                for file in book.files.all()
                for digest in {
                    name_digest(name)
                    for name in names_of(
                        book, file, authors=book.written_by, series=book.series.name if book.series else ""
                    )
                }
            ),
            batch_size=ROWS,
            ignore_conflicts=True,
        )


def mark_all_manifests_stale(apps, schema_editor):
    now = timezone.now()
    series = apps.get_model("library", "Series").objects.filter(books__is_active=True).distinct()
    stale = apps.get_model("library", "StaleManifest")
    stale.objects.bulk_create(
        (stale(series_id=pk, version=1, marked_at=now) for pk in series.values_list("pk", flat=True)), batch_size=ROWS
    )
    apps.get_model("library", "StaleSeriesList").objects.create(version=1, marked_at=now)


class Migration(migrations.Migration):
    dependencies = [("library", "0003_manifests_and_catalogue")]

    operations = [
        migrations.RunPython(fill_people_and_series, migrations.RunPython.noop),
        migrations.RunPython(fill_books, migrations.RunPython.noop),
        migrations.RunPython(mark_all_manifests_stale, migrations.RunPython.noop),
    ]
