"""The Celery app. Its configuration stands in Django's settings under `CELERY_`, its schedule in `project.schedule`."""

import os

from celery import Celery

from project.schedule import BEAT_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("tome")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = BEAT_SCHEDULE
