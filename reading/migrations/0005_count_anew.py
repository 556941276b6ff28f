"""Have everything that is derived counted anew, by the rules and with the parts that came with 0004."""

from secrets import randbits

from django.db import migrations
from django.db.models import F, Q
from django.utils import timezone

# As reading.plausibility had it when this was written.
IDLE_AFTER_SECONDS = 6 * 3600
FAST_FOR_SECONDS, FASTEST_SECONDS_A_PAGE = 300, 3
BATCH = 2000


def count_anew(apps, schema_editor):
    Session = apps.get_model('reading', 'Session')
    plausible = Session.objects.filter(flag='')
    stood_still = Q(pages__gt=0) | Q(progress_start=None) | Q(progress_end=None) | Q(progress_start=F('progress_end'))
    plausible.filter(stood_still, seconds__gt=(F('pages') + 1) * IDLE_AFTER_SECONDS).update(flag='idle')
    plausible.filter(
        seconds__gte=FAST_FOR_SECONDS, pages__gt=0, seconds__lt=F('pages') * FASTEST_SECONDS_A_PAGE
    ).update(flag='fast')

    BookDay, StaleDay = apps.get_model('reading', 'BookDay'), apps.get_model('reading', 'StaleDay')
    StalePayload = apps.get_model('reading', 'StalePayload')
    fresh = {'marked_at': timezone.now(), 'attempts': 0, 'failure': ''}
    update = {'update_conflicts': True, 'update_fields': ['version', 'marked_at', 'attempts', 'failure']}
    days = set(BookDay.objects.order_by().values_list('reader', 'day').distinct().iterator())
    marks = [StaleDay(reader_id=reader, day=day, version=randbits(62), **fresh) for reader, day in sorted(days)]
    StaleDay.objects.bulk_create(marks, batch_size=BATCH, unique_fields=['reader', 'day'], **update)
    readers = set(Session.objects.order_by().values_list('reader', flat=True).distinct()) | {each for each, _ in days}
    payloads = [StalePayload(reader_id=reader, version=randbits(62), **fresh) for reader in sorted(readers)]
    StalePayload.objects.bulk_create(payloads, batch_size=BATCH, unique_fields=['reader'], **update)


class Migration(migrations.Migration):

    dependencies = [('reading', '0004_statistics')]

    operations = [migrations.RunPython(count_anew, migrations.RunPython.noop)]
