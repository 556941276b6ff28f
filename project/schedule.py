"""What beat starts, and when. Each entry expires, so that a worker that was stopped meets no heap of old messages."""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Catches up whatever no message told a worker about: a broker that was down, a message that was lost.
    "sweep stale marks": {"task": "reading.refresh", "schedule": 10, "options": {"expires": 10}},
    "sweep queued scans": {"task": "library.scan", "schedule": 10, "options": {"expires": 10}},
    "sweep queued imports": {"task": "library.import_queued", "schedule": 10, "options": {"expires": 10}},
    "sweep queued statistics": {"task": "library.import_statistics", "schedule": 10, "options": {"expires": 10}},
    "sweep stale manifests": {"task": "library.refresh_manifests", "schedule": 10, "options": {"expires": 10}},
    "new day": {"task": "reading.turn_day", "schedule": 60, "options": {"expires": 60}},
    "sweep unfinished merges": {"task": "reading.finish_regroupings", "schedule": 60, "options": {"expires": 60}},
    "nightly removal of orphaned covers": {
        "task": "library.remove_orphaned_covers",
        "schedule": crontab(hour=3, minute=47),
        "options": {"expires": 3600},
    },
    "nightly drift check": {
        "task": "reading.check_drift",
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 3600},
    },
}
