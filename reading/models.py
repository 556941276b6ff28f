from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.marks import Mark
from accounts.models import Device
from library.models import Book

FINISHED_FROM = 0.99  # fraction; the last pages of a book are seldom turned

# No foreign key below has an index of its own where one that begins with the reader serves: each would be one more page
# to write at every commit of a device.


class DeviceFile(models.Model):
    """A file on a reader's device as the device described it, kept while it is not known which book it is.

    Positions and sessions of it hang here until a link or an import says which book it is.
    """

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="device_files", db_index=False
    )
    filename = models.CharField(max_length=1000)
    name_key = models.CharField(max_length=1000)
    ko_md5 = models.CharField(max_length=32, blank=True)
    size = models.BigIntegerField(null=True)
    folder = models.CharField(max_length=1000, blank=True)
    title = models.CharField(max_length=1000, blank=True)
    authors = models.CharField(max_length=1000, blank=True)
    # What KOSync calls the file: its partial MD5, the MD5 of its base name, or whatever a client likes; see
    # reading.documents. `name_key` is made of it then. Where it is an MD5, `ko_md5` holds it, be it one of the contents
    # or of the name.
    document = models.CharField(max_length=200, blank=True, default="")
    name_digest = models.BigIntegerField(null=True)  # of such an MD5, to be compared with library's FileNameDigest
    book = models.ForeignKey(Book, on_delete=models.SET_NULL, null=True, related_name="device_files")
    seen_at = models.DateTimeField(db_default=Now())
    looked_up_at = models.DateTimeField(null=True)  # when the library was last asked which book it is, after an import

    class Meta:
        constraints = [
            models.UniqueConstraint(name="reading_device_file_once", fields=["reader", "name_key", "ko_md5"])
        ]
        indexes = [
            models.Index(name="reading_device_file_by_hash", fields=["reader", "ko_md5"])  # what is kept of a document
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def shown_title(self) -> str:
        """What a person knows the file by: KOReader's statistics tell of titles, and of no file names."""
        return self.title or self.filename


class LocatorKind(models.TextChoices):
    NONE = ""
    XPOINTER = "xpointer"
    PAGE = "page"
    CFI = "cfi"


class Position(models.Model):
    """The one current place of a reader in a book."""

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="positions", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="positions", db_index=False)
    percentage = models.FloatField()  # fraction 0..1
    progress = models.CharField(max_length=4000, blank=True)
    kind = models.CharField(max_length=10, choices=LocatorKind.choices, blank=True)
    ko_md5 = models.CharField(max_length=32, blank=True)  # the file that `progress` belongs to, where it is known
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, db_index=False)
    device_name = models.CharField(max_length=200, blank=True)  # outlives the device row
    read_at = models.DateTimeField()  # by the server's clock
    claimed_read_at = models.DateTimeField(null=True)  # by the device's clock: tells a repetition from news
    updated_at = models.DateTimeField()
    revision = models.PositiveIntegerField()
    is_cleared = models.BooleanField(default=False)  # set unread by hand: no place, but older writes must not revive it

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_place", fields=["reader", "book"])]


class PositionWrite(models.Model):
    """Every write of a position, those that lost too."""

    class Verdict(models.TextChoices):
        STORED = "stored"
        STALE = "stale"
        PARKED = "parked"  # its file is no known book yet

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="position_writes", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, null=True, related_name="position_writes", db_index=False)
    claimed_book_id = models.BigIntegerField(null=True)  # the book that it was of, or named, before a merge by hand
    file = models.ForeignKey(
        DeviceFile, on_delete=models.SET_NULL, null=True, related_name="position_writes", db_index=False
    )
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, db_index=False)
    percentage = models.FloatField()
    progress = models.CharField(max_length=4000, blank=True)
    kind = models.CharField(max_length=10, choices=LocatorKind.choices, blank=True)
    ko_md5 = models.CharField(max_length=32, blank=True)
    read_at = models.DateTimeField()
    claimed_read_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    # The device's last contact by which a write without a time was judged; the earliest of times: there was none; null:
    # it has a time, or is older than this column.
    contact_before_at = models.DateTimeField(null=True)
    base_revision = models.PositiveIntegerField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    revision = models.PositiveIntegerField(null=True)  # that it made; null unless stored

    class Meta:
        indexes = [
            # "Has another device written since?", the status of a book, and its history.
            models.Index(name="reading_write_by_revision", fields=["reader", "book", "revision"]),
            # "Has this device written this before?" and "which file does it read?"
            models.Index(name="reading_write_by_device", fields=["reader", "book", "device", "id"]),
            # What is parked under a file, the latest last, or came to its book through one that no hash tells; few rows
            # ever are.
            models.Index(
                name="reading_write_of_file", fields=["file", "read_at"], condition=models.Q(file__isnull=False)
            ),
        ]


class Session(models.Model):
    """One stretch of reading, as it was reported or as the reader trimmed it.

    It counts if its book is known and its flag is none of those that forbid it; see `reading.plausibility`.
    """

    class Flag(models.TextChoices):
        NONE = ""
        BEFORE_TIME = "before_time"
        FUTURE = "future"
        ENDS_BEFORE_START = "ends_before_start"
        TOO_LONG = "too_long"
        IDLE = "idle"  # counted up to a cap
        FAST = "fast"  # its pages are counted up to a cap
        DELETED = "deleted"  # kept, so that a device that sends it again does not bring it back

    class Source(models.TextChoices):
        DEVICE = "device"
        WEB = "web"  # the web reader
        IMPORT = "import"  # KOReader's own statistics
        HAND = "hand"  # added on a page or by a script

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions", db_index=False
    )
    uuid = models.CharField(max_length=200)
    book = models.ForeignKey(Book, on_delete=models.SET_NULL, null=True, related_name="sessions", db_index=False)
    # What the device said, where no such book was found; the book that it was of, or named, before a merge by hand.
    claimed_book_id = models.BigIntegerField(null=True)
    ko_md5 = models.CharField(max_length=32, blank=True)  # of the file that was read, where it is known
    file = models.ForeignKey(DeviceFile, on_delete=models.SET_NULL, null=True, related_name="sessions", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, db_index=False)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.DEVICE)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    seconds = models.FloatField()  # min(duration, span): what it counts for where nothing overlaps
    pages = models.PositiveIntegerField(default=0)
    progress_start = models.FloatField(null=True)  # fraction 0..1
    progress_end = models.FloatField(null=True)
    timezone = models.CharField(max_length=64, blank=True)  # IANA name or an offset like +02:00; empty: the reader's
    flag = models.CharField(max_length=20, choices=Flag.choices, blank=True)
    # What was reported, once the reader has trimmed it: {started_at, ended_at, seconds, pages}, times as ISO 8601.
    reported = models.JSONField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_session_once", fields=["reader", "uuid"])]
        indexes = [
            # The sessions around a day, and the log, latest first. By their end: what devices report is mostly recent,
            # and then hardly any session ends later.
            models.Index(name="reading_session_by_end", fields=["reader", "ended_at"]),
            # The status of a book and its sessions, latest first.
            models.Index(name="reading_session_of_book", fields=["reader", "book", "ended_at"]),
            # When a book was finished; looking for that among all its sessions would take longer with each of them.
            models.Index(
                name="reading_session_to_the_end",
                fields=["reader", "book", "ended_at"],
                condition=models.Q(progress_end__gte=FINISHED_FROM),
            ),
            # What wants the reader's attention, of which there is little.
            models.Index(name="reading_session_flagged", fields=["reader", "ended_at"], condition=~models.Q(flag="")),
            models.Index(name="reading_session_of_file", fields=["file"], condition=models.Q(file__isnull=False)),
        ]

    @property
    def title(self) -> str:
        """What was read: the book, or the file where that is no known book; empty if nobody knows."""
        if self.book is not None:
            return self.book.title
        return self.file.shown_title if self.file is not None else ""


class StatusState(models.TextChoices):
    UNREAD = "unread"
    READING = "reading"
    READ = "read"


class StatusFact(models.Model):
    """A status that the reader set by hand. Only what was read later changes it."""

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="status_facts", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="status_facts")
    state = models.CharField(max_length=10, choices=StatusState.choices)
    set_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(name="reading_fact_latest", fields=["reader", "book", "set_at"])]


class BookStatus(models.Model):
    """Derived: how far a reader is with a book. No row means unread."""

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="statuses", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="statuses")
    state = models.CharField(max_length=10, choices=StatusState.choices)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_status", fields=["reader", "book"])]


class DayCounts(models.Model):
    """What was counted on one of a reader's days."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    seconds = models.FloatField()
    sessions = models.PositiveIntegerField()  # with counted reading on this day
    carried = models.PositiveIntegerField()  # of these, the ones that began counting on an earlier day
    pages = models.FloatField()
    paged_seconds = models.FloatField(default=0)  # of sessions that told of pages: what a pace in pages is measured by
    progress = models.FloatField(default=0)  # sum of what sessions went on by, as fractions of their books
    progress_seconds = models.FloatField(default=0)  # of sessions that told where they began and ended

    class Meta:
        abstract = True


class BookDay(DayCounts):
    """Derived: what a reader read of one book on one of their days."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="days", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_book_day", fields=["reader", "day", "book"])]
        # The days of a book; by the book first, for what follows a book that goes.
        indexes = [models.Index(name="reading_book_day_of_book", fields=["book", "reader", "day"])]


class ReaderDay(DayCounts):
    """Derived: all that a reader read on one of their days, and what of it was reported twice."""

    hours = models.JSONField()  # seconds in each of the 24 hours of the clock on the wall
    devices = models.JSONField()  # {a device's id, or a source: [seconds, sessions, carried, pages]}
    covered_seconds = models.FloatField()  # reported, and not counted since another session covers the time
    covered_sessions = models.PositiveIntegerField()  # that lost something so, told on the first day of it

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_reader_day", fields=["reader", "day"])]


class Total(models.Model):
    """What was counted over many days. Written with a payload; stale as soon as one of its days changed."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    is_current = models.BooleanField()
    days = models.PositiveIntegerField(default=0)  # with any reading
    seconds = models.FloatField(default=0)
    sessions = models.PositiveIntegerField(default=0)  # those that began counting in it
    pages = models.FloatField(default=0)
    paged_seconds = models.FloatField(default=0)
    progress = models.FloatField(default=0)
    progress_seconds = models.FloatField(default=0)
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)

    class Meta:
        abstract = True


class BookTotal(Total):
    """Derived: all that a reader ever read of a book."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="totals", db_index=False)
    # How fast the slow and the fast days were, as fractions of the book an hour; see `reading.pace`.
    slow_progress_an_hour = models.FloatField(null=True)
    fast_progress_an_hour = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_book_total", fields=["reader", "book"])]
        indexes = [
            models.Index(name="reading_book_total_of_book", fields=["book"]),  # for what follows a book that goes
            models.Index(name="reading_book_total_stale", fields=["reader"], condition=models.Q(is_current=False)),
        ]


class ReaderYear(Total):
    """Derived: a reader's year, as the statistics tell of it. `sessions` are those that began counting in it."""

    year = models.PositiveSmallIntegerField()
    carried = models.PositiveIntegerField(default=0)  # sessions that reach into its first of January
    hours = models.JSONField(default=list)  # seconds, in seven rows from Monday on of 24 hours
    devices = models.JSONField(default=dict)  # {a device's id, or a source: [seconds, sessions, pages]}
    covered_seconds = models.FloatField(default=0)
    covered_sessions = models.PositiveIntegerField(default=0)
    # Runs of days with reading: the one from the first day, the one up to the last, and the longest, in days.
    first_run = models.PositiveSmallIntegerField(default=0)
    last_run = models.PositiveSmallIntegerField(default=0)
    longest_run = models.PositiveSmallIntegerField(default=0)
    longest_run_ended_on = models.DateField(null=True)
    review = models.JSONField(default=dict)  # see `reading.years`
    daily = models.TextField(default="")  # its days as JSON objects with commas between, as the payload lists them

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_one_reader_year", fields=["reader", "year"])]
        indexes = [
            models.Index(name="reading_reader_year_stale", fields=["reader"], condition=models.Q(is_current=False))
        ]


class StatsPayload(models.Model):
    """Derived: the answer of `GET /api/stats` but for `pending`, ready to send."""

    reader = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stats_payload")
    body = models.BinaryField()
    etag = models.CharField(max_length=64)  # of what it says, not of when it was made
    generated_at = models.DateTimeField()
    today = models.DateField()  # the reader's day for which it was made
    good_until = models.DateTimeField()  # when streak and windows move on without any reading


class Recount(models.Model):
    """A reader's days are being counted anew, since their zone or their rollover hour changed; for its progress."""

    reader = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recount")
    begun_at = models.DateTimeField()
    days = models.PositiveIntegerField()  # that there were then
    done = models.PositiveIntegerField(default=0)
    before_day = models.DateField()  # the days before this one are still to be counted anew; see `reading.zones`


class StatisticsImport(models.Model):
    """An uploaded `statistics.sqlite3` of KOReader, and how far it has come in."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="statistics_imports", db_index=False
    )
    filename = models.CharField(max_length=1000)  # as it was uploaded
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=500, blank=True)  # why it failed
    books_seen = models.PositiveIntegerField(default=0)
    books_unknown = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveBigIntegerField(default=0)
    rows_done = models.PositiveBigIntegerField(default=0)
    sessions_stored = models.PositiveIntegerField(default=0)
    sessions_known = models.PositiveIntegerField(default=0)
    sessions_flagged = models.PositiveIntegerField(default=0)
    cursor = models.JSONField(default=dict)  # where to go on, see `reading.statistics_import`
    created_at = models.DateTimeField(db_default=Now())
    worked_at = models.DateTimeField(null=True)  # a sign of life of who works on it
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(name="reading_import_of_reader", fields=["reader", "id"]),
            models.Index(
                name="reading_import_open", fields=["id"], condition=models.Q(state__in=["queued", "running"])
            ),
        ]


class StaleMark(Mark):
    """Says that something of a reader is out of date."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        abstract = True


class StaleDay(StaleMark):
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_stale_day_once", fields=["reader", "day"])]


class StaleStatus(StaleMark):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_stale_status_once", fields=["reader", "book"])]


class StalePayload(StaleMark):
    class Meta:
        constraints = [models.UniqueConstraint(name="reading_stale_payload_once", fields=["reader"])]


class Regrouping(models.Model):
    """Books merged, or a book split, by hand. Unfinished while there may be rows of readers that are still to move."""

    class Kind(models.TextChoices):
        MERGE = "merge"
        SPLIT = "split"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+")
    undoes = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="undone_by")
    begun_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # What a killed process left; asked after each import.
            models.Index(name="reading_regrouping_open", fields=["id"], condition=models.Q(finished_at=None))
        ]


class RegroupedRow(models.Model):
    """A row that a merge took along, so that a split gives back the very same.

    Sessions and position writes, of which there are many, remember it themselves, in `claimed_book_id`.
    """

    class Kind(models.TextChoices):
        FILE = "file"
        LINK = "link"
        DEVICE_FILE = "device_file"
        INBOX_ITEM = "inbox_item"
        STATUS_FACT = "status_fact"

    merge = models.ForeignKey(Regrouping, on_delete=models.CASCADE, related_name="rows", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    row_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="reading_regrouped_once", fields=["merge", "kind", "row_id"])]
