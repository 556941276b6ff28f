import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now


class Reader(AbstractUser):
    """A person who reads; owns positions, sessions, devices and keys."""

    timezone = models.CharField(max_length=64, default="UTC")  # IANA name; a session may bring its own
    rollover_hour = models.PositiveSmallIntegerField(default=0)  # local hour at which this reader's day begins
    formats = models.JSONField(default=list, blank=True)  # file formats that this reader prefers, the first most
    # What this reader wants to read; null where there is no such goal.
    goal_minutes_a_day = models.PositiveSmallIntegerField(null=True, blank=True)
    goal_books_a_year = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                name="accounts_reader_rollover_hour_in_day", condition=models.Q(rollover_hour__range=(0, 23))
            )
        ]


class Device(models.Model):
    """What a reader reads on. Older plugins send only a name, so that is their identifier (`name:Kobo`)."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="devices", db_index=False)
    identifier = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True)
    plugin_version = models.CharField(max_length=50, blank=True)
    last_contact_at = models.DateTimeField(null=True)  # when a request that named this device last arrived
    # The last contact before the run of requests that goes on now: what a replayed queue, whose answers tell the device
    # nothing of the current place, is measured by. See accounts.devices.
    earlier_contact_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="accounts_device_once_per_reader", fields=["reader", "identifier"])]

    def __str__(self) -> str:
        return self.name or self.identifier


class ApiKey(models.Model):
    """A key for devices; only its digest is kept. `generation` numbers the keys derived for the plugin."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="api_keys")
    label = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256, hex; the key is random, so no slow hash
    preview = models.CharField(max_length=20)
    generation = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)  # to the minute
    revoked_at = models.DateTimeField(null=True)  # a revoked key stays, so that its generation is not used again

    class Meta:
        constraints = [
            models.UniqueConstraint(name="accounts_key_generation_once", fields=["reader", "generation"]),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.preview})"


class AppPassword(models.Model):
    """A short password for one device or app, which speaks OPDS or KOSync. Only its digest is kept."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="app_passwords")
    label = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, unique=True)  # see accounts.app_passwords
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)  # to the minute
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label


class Server(models.Model):
    """The one row that says which server this is, so that a device notices when it talks to another."""

    singleton = models.BooleanField(default=True, unique=True)
    identifier = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [models.CheckConstraint(name="accounts_one_server", condition=models.Q(singleton=True))]

    def __str__(self) -> str:
        return str(self.identifier)
