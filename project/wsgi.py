"""The web application, as granian loads it in each of its workers."""

import multiprocessing
import os

from project.processes import die_with_parent

if multiprocessing.parent_process() is not None:
    die_with_parent()  # a granian worker outlives its killed main process otherwise, and keeps the port

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

from django.core.wsgi import get_wsgi_application

from api.bodies import with_whole_bodies
from project.slots import REQUESTS_AT_ONCE, with_slots

application = with_whole_bodies(with_slots(get_wsgi_application(), REQUESTS_AT_ONCE))
