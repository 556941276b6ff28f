"""Which errors are expected of a command, and the sentence for each."""

import sys

from project.env import SettingError
from project.ports import PortTaken
from project.supervisor import CannotStart


def sentence_for(error: Exception) -> str | None:
    """A sentence about an error that a person can do something about; None if it is a mistake of ours."""
    if isinstance(error, SettingError | PortTaken | CannotStart):
        return str(error)
    # These libraries are loaded only by some commands, and only what is loaded can have raised.
    if "django.db" in sys.modules:
        from django.db import Error as DatabaseError

        if isinstance(error, DatabaseError):
            return database_sentence(error)
    if "kombu.exceptions" in sys.modules:
        from kombu.exceptions import OperationalError

        if isinstance(error, OperationalError):
            return "The broker cannot be reached: no service runs on this data folder. Start one with `tome up`."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return None


def database_sentence(error: Exception) -> str:
    first_line = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    if "no such table" in first_line or "does not exist" in first_line:
        return "The database is not up to date with this version of Tome; run `tome migrate` (`tome up` does it too)."
    return f"The database cannot be used: {first_line}."
