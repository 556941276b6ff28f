from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class BookType(models.TextChoices):
    BOOK = "book"
    LIGHT_NOVEL = "light_novel"
    MANGA = "manga"
    COMIC = "comic"


class Author(models.Model):
    name = models.CharField(max_length=500, unique=True)

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    name = models.CharField(max_length=500, unique=True)

    class Meta:
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    """A work, whichever files hold it. Inactive when none of its files is there any more; never deleted by a scan."""

    title = models.CharField(max_length=1000)
    title_key = models.CharField(max_length=1000, db_index=True)  # matching.names.title_key, for resolve by equal title
    language = models.CharField(max_length=50, blank=True)
    series = models.ForeignKey(Series, on_delete=models.SET_NULL, null=True, related_name="books")
    series_index = models.FloatField(null=True)
    book_type = models.CharField(max_length=20, choices=BookType.choices, default=BookType.BOOK)
    authors = models.ManyToManyField(Author, through="Authorship", related_name="books")
    cover = models.CharField(max_length=200, blank=True)  # path below the data folder's `covers`
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.title


class Authorship(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="authorships")
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships")
    place = models.PositiveSmallIntegerField()  # order on the title page, from 0

    class Meta:
        ordering = ["place"]
        constraints = [models.UniqueConstraint(name="library_author_once_per_book", fields=["book", "author"])]


class BookFile(models.Model):
    """One file of a book. Its present hashes stand here, every one it ever had in `FileHash`."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=4000, unique=True)  # relative to the library root, with forward slashes
    name_key = models.CharField(max_length=1000, db_index=True)  # matching.names.file_name_key of the base name
    format = models.CharField(max_length=20)  # the suffix without a dot: epub, kepub.epub, cbz, cbr, pdf, mobi, azw3
    size = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    ko_md5 = models.CharField(max_length=32)  # KOReader's partial MD5, see library.hashes
    is_present = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.path


class FileHash(models.Model):
    """A hash that a file has or had: a device may still hold the older bytes."""

    file = models.ForeignKey(BookFile, on_delete=models.CASCADE, related_name="hashes")
    sha256 = models.CharField(max_length=64)
    ko_md5 = models.CharField(max_length=32, db_index=True)  # not unique: it samples the file
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="library_hash_once_per_file", fields=["file", "sha256"])]


class Scan(models.Model):
    """One walk over the library folder. How many were imported or failed is counted from its `Import` rows."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    folder = models.CharField(max_length=4000, blank=True)  # relative to the library root; empty for the whole of it
    seen = models.PositiveIntegerField(default=0)
    walked = models.BooleanField(default=False)  # the folder was read to its end: only imports are left
    reason = models.CharField(max_length=500, blank=True)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)


class Import(models.Model):
    """What became of one path: the row that a person looks at, and the durable queue of the import tasks."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        IMPORTED = "imported"
        FAILED = "failed"

    path = models.CharField(max_length=4000, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=500, blank=True)  # why it failed: one sentence
    size = models.BigIntegerField(default=0)
    mtime_ns = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)  # begun, not finished: a file that kills workers shows here
    scan = models.ForeignKey(Scan, on_delete=models.SET_NULL, null=True, related_name="imports")
    file = models.ForeignKey(BookFile, on_delete=models.SET_NULL, null=True, related_name="imports")
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(name="library_import_queue", fields=["state", "id"])]  # the next one to take


class FileLink(models.Model):
    """What a reader said about a file on a device: it is that book, or (`book` is null) none of them."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="file_links")
    name_key = models.CharField(max_length=1000)
    filename = models.CharField(max_length=1000)
    ko_md5 = models.CharField(max_length=32, blank=True)  # empty: said of the name alone
    size = models.BigIntegerField(null=True)
    book = models.ForeignKey(Book, on_delete=models.CASCADE, null=True, related_name="links")
    said_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="library_link_once_per_file", fields=["reader", "name_key", "ko_md5"])
        ]
        indexes = [models.Index(name="library_link_by_hash", fields=["reader", "ko_md5"])]


class InboxItem(models.Model):
    """A book that a reader wants on their device, until the device says that it has it."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="inbox")
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="inbox_items")
    added_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(name="library_inbox_open", fields=["reader", "delivered_at", "id"])]
