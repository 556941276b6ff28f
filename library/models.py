from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.marks import Mark

AUTHOR = "aut"  # the role, among those of `Authorship`


class BookType(models.TextChoices):
    BOOK = "book"
    LIGHT_NOVEL = "light_novel"
    MANGA = "manga"
    COMIC = "comic"


class Author(models.Model):
    name = models.CharField(max_length=500, unique=True)
    sort_key = models.CharField(max_length=300, blank=True, db_index=True)  # matching.names.sort_key of the name

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    name = models.CharField(max_length=500, unique=True)
    # Under which its folder's name equals another's on a device; of two such series the older has the plain name.
    folder_key = models.CharField(max_length=300, blank=True, db_index=True)

    class Meta:
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return self.name


class ReadingDirection(models.TextChoices):
    UNKNOWN = ""
    LEFT_TO_RIGHT = "ltr"
    RIGHT_TO_LEFT = "rtl"


class Book(models.Model):
    """A work, whichever files hold it. Inactive when none of its files is there any more; never deleted by a scan.

    What describes it follows from what its files state and from `edits`, see `library.describing`.
    """

    title = models.CharField(max_length=1000)
    title_key = models.CharField(max_length=1000, db_index=True)  # matching.names.title_key, for resolve by equal title
    sort_title = models.CharField(max_length=1000, blank=True)
    sort_key = models.CharField(max_length=300, blank=True)  # matching.names.sort_key of the sort title
    # Equal where downloads may have one name, see matching.own_names.name_key.
    name_key = models.CharField(max_length=300, blank=True, db_index=True)
    language = models.CharField(max_length=50, blank=True)
    description = models.TextField(blank=True)  # plain text
    publisher = models.CharField(max_length=500, blank=True)
    published = models.CharField(max_length=10, blank=True)  # `2011`, `2011-05` or `2011-05-27`
    subjects = models.JSONField(default=list)
    series = models.ForeignKey(Series, on_delete=models.SET_NULL, null=True, related_name="books")
    series_index = models.FloatField(null=True)
    book_type = models.CharField(max_length=20, choices=BookType.choices, default=BookType.BOOK)
    reading_direction = models.CharField(max_length=3, choices=ReadingDirection.choices, blank=True)
    pages = models.PositiveIntegerField(null=True)
    characters = models.PositiveBigIntegerField(null=True)
    authors = models.ManyToManyField(Author, through="Authorship", related_name="books")  # with all other contributors
    cover = models.CharField(max_length=200, blank=True)  # that of one of its files
    edits = models.JSONField(default=dict)  # what a person set, by field: it stands before whatever a file states
    described_at = models.DateTimeField(null=True)  # when title, authors, series or type became what they are now
    is_active = models.BooleanField(default=True)
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="merged")  # by hand
    added_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())  # when anything that a catalogue shows of it last changed

    class Meta:
        # The orders in which catalogues are paged through.
        indexes = [
            models.Index(name="library_book_by_title", fields=["sort_key", "id"]),
            models.Index(name="library_book_by_type", fields=["book_type", "sort_key", "id"]),
            models.Index(name="library_book_by_age", fields=["added_at", "id"]),
            models.Index(name="library_book_by_change", fields=["changed_at"]),  # when the library last changed
        ]

    def __str__(self) -> str:
        return self.title


class BookText(models.Model):
    """The words under which a search finds a book. Derived, and a table of its own: searching reads all of it."""

    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="text")
    words = models.TextField()  # matching.names.search_words of title, authors and series


class Authorship(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="authorships")
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships")
    role = models.CharField(max_length=10, default=AUTHOR)  # MARC relator code: `aut`, `trl`, `ill`, …
    place = models.PositiveSmallIntegerField()  # order on the title page, from 0

    class Meta:
        ordering = ["place"]
        constraints = [models.UniqueConstraint(name="library_author_once_per_role", fields=["book", "author", "role"])]


class BookKey(models.Model):
    """One of the keys under which a file on a device may find the book: `matching.keys.keys_of_book`. Derived."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="keys", db_index=False)
    key = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(name="library_key_once_per_book", fields=["book", "key"])]
        indexes = [models.Index(name="library_books_of_key", fields=["key", "book"])]  # the candidates of a file name


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
    stated = models.JSONField(default=dict)  # what the file says about itself, see library.describing.Statement
    cover = models.CharField(max_length=200, blank=True)  # below the data folder's `covers`, see library.covers
    reason = models.CharField(max_length=500, blank=True)  # why it is a file of this book: a sentence

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


class FileNameDigest(models.Model):
    """A name that a device may have a file under, known by its MD5: how KOSync names documents, if so set.

    Names are only added: what the library ever called a file, some device may still call it.
    """

    digest = models.BigIntegerField()  # the first 8 bytes of the MD5 of the base name, see library.hashes.name_digest
    file = models.ForeignKey(BookFile, on_delete=models.CASCADE, related_name="name_digests", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="library_name_digest_once", fields=["digest", "file"])]
        indexes = [models.Index(name="library_name_digests", fields=["file"])]


class Identifier(models.Model):
    """What a file calls its work: an ISBN, a UUID, …"""

    file = models.ForeignKey(BookFile, on_delete=models.CASCADE, related_name="identifiers", db_index=False)
    scheme = models.CharField(max_length=50)
    value = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(name="library_identifier_once", fields=["file", "scheme", "value"])]
        indexes = [models.Index(name="library_identifier_value", fields=["value", "scheme"])]  # who else has this one


class Scan(models.Model):
    """One walk over the library folder. How many were imported or failed is counted from its `Import` rows."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    folder = models.CharField(max_length=4000, blank=True)  # relative to the library root; empty for the whole of it
    paths = models.JSONField(default=list)  # files and folders to look at, where it is not a whole folder
    seen = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=dict)  # files that are no books: how many, and the first of their paths
    notices = models.JSONField(default=list)  # sentences: a folder that is empty now, …
    worker = models.CharField(max_length=200, blank=True)  # the process that walks, see library.claims
    heard_at = models.DateTimeField(null=True)  # when that process last said that it goes on
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
    worker = models.CharField(max_length=200, blank=True)  # the process that reads it, see library.claims
    warnings = models.JSONField(default=list)  # sentences: what the file got wrong although it could be taken in
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


class Manifest(models.Model):
    """Derived: what a device needs to fetch a series, ready to send. Made by `library.manifests` alone."""

    series = models.OneToOneField(Series, on_delete=models.CASCADE, related_name="manifest")
    # How the list of series has it; `sort_key` of its name.
    name = models.CharField(max_length=500)
    sort_key = models.CharField(max_length=300)
    author = models.CharField(max_length=1000, blank=True)
    book_type = models.CharField(max_length=20, choices=BookType.choices)
    book_count = models.PositiveIntegerField()
    first_book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+")
    changed_at = models.DateTimeField()  # the latest of its books'
    # The answer to a device that prefers no other formats, and by book and format what it is in another preference.
    body = models.TextField()
    choices = models.TextField()
    etag = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(name="library_manifest_by_name", fields=["sort_key", "series"])]

    def __str__(self) -> str:
        return self.name


class SeriesList(models.Model):
    """Derived: the one answer to "which series are there?", ready to send."""

    singleton = models.BooleanField(default=True, unique=True)
    body = models.TextField()
    etag = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(name="library_one_series_list", condition=models.Q(singleton=True))]


class StaleManifest(Mark):
    series = models.OneToOneField(Series, on_delete=models.CASCADE, related_name="+")


class StaleSeriesList(Mark):
    singleton = models.BooleanField(default=True, unique=True)
