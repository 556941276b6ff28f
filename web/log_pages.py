"""The log of a reader's sessions: what was stored of each, and what they change about it by hand."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.days import zone_named, zone_or_utc
from accounts.models import Reader
from library.catalogue import details_of, listed_from_ids, search_books
from library.errors import LibraryError
from library.models import Book
from library.queries import LARGEST_ID, books_visible_to, visible_book
from reading.clocks import read_instant, shift
from reading.edits import CannotEdit, NoSuchSession, add_session, delete_session, restore_session, trim_session
from reading.log import LogFilter, LoggedSession, between_days, log_page, session_of
from reading.models import BookTotal, Session
from reading.plausibility import COUNTED
from web.rendering import page, reader_of, show, way_back
from web.shelf import place_in_series
from web.templatetags.statistics import duration
from web.words import FLAGS, SOURCES
from workers.enqueue import enqueue
from workers.reading import refresh

TEXT_LENGTH = 200
OFFERED_BOOKS = 12
MOST_MINUTES = 24 * 60
PREFIX = "hand-"


# --- The log ----------------------------------------------------------------------------------------------------------


@page
def log(request: HttpRequest) -> HttpResponse:
    """The sessions, the one that ended last first, or those of them that a filter lets through."""
    reader, asked = reader_of(request), request.GET
    which, problem = _filter(reader, asked)
    found = log_page(reader, which, after=asked.get("cursor", ""))
    filters = asked.copy()
    for name in ("cursor", *(name for name in asked if not asked[name])):
        filters.pop(name, None)
    exported = filters.copy()
    exported.setlist("book_id", exported.pop("book", []))
    shown_book = visible_book(reader, which.book_id) if which.book_id is not None else None
    context = {
        "days": _by_day([_entry(reader, logged) for logged in found.items]),
        "next": found.next,
        "is_continued": bool(asked.get("cursor")),
        "asked": {name: asked.get(name, "") for name in ("q", "device_id", "source", "from", "to")},
        "which": which,
        "book": shown_book,
        "devices": reader.devices.order_by("name", "pk"),
        "sources": SOURCES.items(),
        "problem": problem,
        "filters": exported.urlencode(),
        "is_filtered": bool(filters),
        "zone": reader.timezone,
    }
    return show(request, "web/log.html", context, status=400 if problem else 200)


def _filter(reader: Reader, asked: QueryDict) -> tuple[LogFilter, str]:
    """What the form asks for, and what of it cannot be read; that narrows nothing then."""
    problem = ""
    days: dict[str, date | None] = {}
    for name in ("from", "to"):
        try:
            days[name] = date.fromisoformat(asked.get(name, "")) if asked.get(name) else None
        except ValueError:
            days[name] = None
            problem = f"“{asked[name][:TEXT_LENGTH]}” is no date. One is written like 2026-05-01."
    source = asked.get("source", "")
    since, until = between_days(reader, days["from"], days["to"])
    which = LogFilter(
        book_id=_id(asked.get("book")),
        text=asked.get("q", "").replace("\0", "").strip()[:TEXT_LENGTH],
        device_id=_id(asked.get("device_id")),
        source=source if source in SOURCES else None,
        since=since,
        until=until,
        flagged=bool(asked.get("flagged")),
        without_book=bool(asked.get("without_book")),
        deleted=bool(asked.get("deleted")),
    )
    return which, problem


def _id(text: str | None) -> int | None:
    is_one = text and text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID
    return int(text) if text and is_one else None


def _zone(reader: Reader) -> tzinfo:
    return zone_or_utc(reader.timezone)


def _local(instant: datetime, zone: tzinfo) -> datetime:
    """An instant by the clock in a zone; what lies at an end of the calendar is moved from where zones run over it."""
    return shift(instant, timedelta()).astimezone(zone)


def _entry(reader: Reader, logged: LoggedSession) -> dict[str, Any]:
    """A session as lists and its own page show it; times are by the reader's clock."""
    session = logged.session
    zone = _zone(reader)
    started_at, ended_at = _local(session.started_at, zone), _local(session.ended_at, zone)
    own_zone = zone_named(session.timezone)
    own_started_at = _local(session.started_at, own_zone or zone)
    is_elsewhere = started_at.utcoffset() != own_started_at.utcoffset()
    return {
        "id": session.pk,
        "session": session,
        "title": session.title or "Without a title",
        "day": ended_at.date(),
        "started_at": started_at,
        "ended_at": ended_at,
        "is_over_midnight": started_at.date() != ended_at.date(),
        "elsewhere": session.timezone if is_elsewhere else "",
        "elsewhere_started_at": own_started_at.strftime("%H:%M"),
        "seconds": max(0.0, session.seconds),
        "counted_seconds": logged.counted_seconds,
        "counted": _counted(logged),
        "pages": session.pages,
        "device": logged.device_name or SOURCES.get(session.source, ""),
        "is_deleted": session.flag == Session.Flag.DELETED,
        "is_trimmed": session.reported is not None,
        "flag": FLAGS.get(session.flag, ""),
        "suggestion": _suggestion(logged),
    }


def _counted(logged: LoggedSession) -> str:
    """What to say of a session of which less counts than was reported, where its flag does not say it."""
    session, counted = logged.session, logged.counted_seconds
    if session.book_id is None and session.flag in COUNTED:
        return "Counts once its book is in the library"
    if session.flag not in ("", Session.Flag.FAST) or round(counted) >= round(session.seconds):
        return f"{duration(counted)} counted" if session.flag == Session.Flag.IDLE else ""
    return f"{duration(counted)} counted: another session covers {'the rest' if round(counted) else 'it'}"


def _suggestion(logged: LoggedSession) -> dict[str, str] | None:
    """A button that makes of a session what it could have been."""
    suggestion, session = logged.suggestion, logged.session
    if suggestion is None or session.flag == Session.Flag.DELETED:
        return None
    if suggestion.ended_at is not None:
        seconds = (suggestion.ended_at - session.started_at).total_seconds()
        return {"name": "ended_at", "value": suggestion.ended_at.isoformat(), "says": f"Trim to {short(seconds)}"}
    if suggestion.pages is not None:
        pages = f"{suggestion.pages:,} page{'' if suggestion.pages == 1 else 's'}"
        return {"name": "pages", "value": str(suggestion.pages), "says": f"Trim to {pages}"}
    return {"name": "delete", "value": "1", "says": "Delete"}


def short(seconds: float) -> str:
    """`6 h` where there is nothing more to it."""
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 and round(seconds) % 3600 == 0 else duration(seconds)


def _by_day(entries: list[dict[str, Any]]) -> list[tuple[date, list[dict[str, Any]]]]:
    days: list[tuple[date, list[dict[str, Any]]]] = []
    for entry in entries:
        if not days or days[-1][0] != entry["day"]:
            days.append((entry["day"], []))
        days[-1][1].append(entry)
    return days


# --- One session ------------------------------------------------------------------------------------------------------


@page
def session(request: HttpRequest, session_id: int) -> HttpResponse:
    """One session; a POST cuts it down to what its form or a suggestion says."""
    reader = reader_of(request)
    shown = _found(reader, session_id)
    sent = request.POST
    if request.method != "POST":
        return _show_session(request, shown)
    try:
        trimmed = trim_session(reader, session_id, **_trimming(reader, shown, sent), now=timezone.now())
    except NoSuchSession:
        raise Http404(NO_SUCH_SESSION) from None
    except CannotEdit as error:
        return _show_session(request, shown, sent=sent, problem=error.sentence)
    enqueue(refresh)
    pages = f" and {trimmed.pages:,} page{'' if trimmed.pages == 1 else 's'}" if trimmed.pages else ""
    messages.success(request, f"The session is {duration(trimmed.seconds)}{pages} now. Your statistics follow.")
    return redirect(way_back(request, reverse("stats-session", args=[session_id])))


NO_SUCH_SESSION = "There is no such session."


def _found(reader: Reader, session_id: int) -> LoggedSession:
    found = session_of(reader, session_id)
    if found is None:
        raise Http404(NO_SUCH_SESSION)
    return found


def _trimming(reader: Reader, shown: LoggedSession, sent: QueryDict) -> dict[str, Any]:
    """What a form asks to be changed; CannotEdit for what cannot be read. What it shows unchanged is not asked for."""
    kept = shown.session
    asked: dict[str, Any] = {}
    for name in ("started_at", "ended_at"):
        text = sent.get(name, "").strip()
        if text and text != _shown_instant(getattr(kept, name), reader):
            asked[name] = _instant(text, reader, kept)
    if (text := sent.get("pages", "").strip()) and text != str(kept.pages):
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise CannotEdit(f"“{text[:TEXT_LENGTH]}” is no number of pages.")
        asked["pages"] = int(text)
    if not asked:
        raise CannotEdit("Nothing of it was changed: earlier or later times, or fewer pages, are what trims it.")
    return asked


def _shown_instant(instant: datetime, reader: Reader) -> str:
    return _local(instant, _zone(reader)).isoformat(timespec="minutes")[:16]


def _instant(text: str, reader: Reader, kept: Session) -> datetime:
    """A time of a form, by the reader's clock, or of a suggestion, which says its offset."""
    try:
        said = datetime.fromisoformat(text)
        if said.tzinfo is not None:
            return read_instant(text)
        # Where a clock is put back an hour comes twice; meant is the one in which the session was.
        readings = [said.replace(tzinfo=_zone(reader), fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        raise CannotEdit(f"“{text[:TEXT_LENGTH]}” is no time. One is written like 2026-05-01T20:15.") from None
    reported = kept.reported or {}
    first = read_instant(reported["started_at"]) if reported else kept.started_at
    last = read_instant(reported["ended_at"]) if reported else kept.ended_at
    return next((each for each in readings if first <= each <= last), readings[0])


def _show_session(
    request: HttpRequest, logged: LoggedSession, *, sent: QueryDict | None = None, problem: str = ""
) -> HttpResponse:
    reader, kept = reader_of(request), logged.session
    form = {
        "started_at": _shown_instant(kept.started_at, reader),
        "ended_at": _shown_instant(kept.ended_at, reader),
        "pages": str(kept.pages),
    }
    # A suggestion names one of them only, in another form than a person would type.
    if sent is not None and "started_at" in sent:
        form |= {name: sent.get(name, "")[:TEXT_LENGTH] for name in form}
    reported = kept.reported or {}
    times = {
        name: _local(read_instant(reported[name]), _zone(reader)) for name in ("started_at", "ended_at") if reported
    }
    context = {
        "entry": _entry(reader, logged),
        "form": form,
        "reported_started_at": times.get("started_at"),
        "reported_ended_at": times.get("ended_at"),
        "is_reported_over_midnight": len({time.date() for time in times.values()}) > 1,
        "reported_seconds": reported.get("seconds"),
        "reported_pages": reported.get("pages"),
        "source": SOURCES.get(kept.source, ""),
        "zone": reader.timezone,
        "problem": problem,
        "can_be_trimmed": kept.ended_at > kept.started_at and kept.flag != Session.Flag.DELETED,
    }
    return show(request, "web/session.html", context, status=400 if problem else 200)


@page
def delete(request: HttpRequest, session_id: int) -> HttpResponse:
    """Ask whether a session is to be deleted, and delete it."""
    reader = reader_of(request)
    shown = _found(reader, session_id)
    if request.method != "POST":
        if shown.session.flag == Session.Flag.DELETED:
            return redirect("stats-session", session_id=session_id)
        return show(request, "web/session_delete.html", {"entry": _entry(reader, shown)})
    try:
        delete_session(reader, session_id)
    except NoSuchSession:  # a second click
        return redirect(way_back(request, reverse("stats-sessions")))
    enqueue(refresh)
    messages.success(request, "The session is deleted. It can be taken back among the deleted ones.")
    return redirect(way_back(request, reverse("stats-sessions")))


@page
def restore(request: HttpRequest, session_id: int) -> HttpResponse:
    """Have a session be again as it was reported."""
    if request.method == "POST":
        try:
            restore_session(reader_of(request), session_id, now=timezone.now())
        except NoSuchSession:
            raise Http404(NO_SUCH_SESSION) from None
        enqueue(refresh)
        messages.success(request, "The session is as it was reported again. Your statistics follow.")
    return redirect("stats-session", session_id=session_id)


# --- By hand ----------------------------------------------------------------------------------------------------------


@page
def add(request: HttpRequest) -> HttpResponse:
    """Add a session that no device reported: first which book, then when."""
    reader = reader_of(request)
    if request.method == "POST":
        return _add(request, reader)
    book_id = _id(request.GET.get("book"))
    book = visible_book(reader, book_id) if book_id is not None else None
    if book is None:
        return _choose_book(request, reader, is_gone="book" in request.GET)
    local_now = timezone.now().astimezone(_zone(reader))
    form = {"day": local_now.date().isoformat(), "start": "", "minutes": "", "pages": ""}
    return _show_adding(request, book, form, uuid=f"{PREFIX}{uuid4()}")


def _choose_book(request: HttpRequest, reader: Reader, *, is_gone: bool) -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "").strip()[:TEXT_LENGTH]
    if text:
        listed = list(search_books(reader, text, entries=OFFERED_BOOKS).items)
    else:
        read = BookTotal.objects.filter(reader=reader, book__in=books_visible_to(reader), days__gt=0)
        latest = read.order_by("-last_day", "-pk").values_list("book", flat=True)
        listed = listed_from_ids(reader, list(latest[:OFFERED_BOOKS]))
    books = [
        {
            "id": each.book_id,
            "title": each.title,
            "authors": ", ".join(name for _, name in each.authors),
            "place": place_in_series(each.series, each.series_index),
        }
        for each in details_of(reader, listed)
    ]
    context = {"q": text, "books": books, "is_gone": is_gone}
    return show(request, "web/session_add_book.html", context)


def _add(request: HttpRequest, reader: Reader) -> HttpResponse:
    sent = request.POST
    form = {name: sent.get(name, "").strip()[:TEXT_LENGTH] for name in ("day", "start", "minutes", "pages")}
    book_id = _id(sent.get("book"))
    book = visible_book(reader, book_id) if book_id is not None else None
    if book is None:
        return _choose_book(request, reader, is_gone=True)
    # One of a session that a device reported would be answered with that one.
    uuid = sent.get("uuid", "").replace("\0", "")[:TEXT_LENGTH]
    uuid = uuid if uuid.startswith(PREFIX) else f"{PREFIX}{uuid4()}"
    try:
        started_at = _start(form, reader)
        minutes = _number(form["minutes"], 1, MOST_MINUTES, "A session is from 1 to 1,440 minutes long.")
        pages = _number(form["pages"], 0, 100_000, "Pages are a number, or left out.") if form["pages"] else 0
        added = add_session(
            reader,
            book.pk,
            started_at=started_at,
            ended_at=started_at + timedelta(minutes=minutes),
            pages=pages,
            timezone=reader.timezone,
            uuid=uuid,
            now=timezone.now(),
        )
    except LibraryError as error:
        return _show_adding(request, book, form, uuid=uuid, problem=error.sentence)
    enqueue(refresh)
    messages.success(request, f"{duration(added.seconds)} with “{added.title}” are added. Your statistics follow.")
    return redirect("stats-session", session_id=added.pk)


def _start(form: dict[str, str], reader: Reader) -> datetime:
    try:
        day, start = date.fromisoformat(form["day"]), time.fromisoformat(form["start"])
        return datetime.combine(day, start.replace(tzinfo=None), tzinfo=_zone(reader)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CannotEdit("Say on which day and at which time you began, like 2026-05-01 and 20:15.") from None


def _number(text: str, least: int, most: int, sentence: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise CannotEdit(sentence)
    return int(text)


def _show_adding(
    request: HttpRequest, book: Book, form: dict[str, str], *, uuid: str, problem: str = ""
) -> HttpResponse:
    context = {
        "book": book,
        "form": form,
        "uuid": uuid,
        "zone": reader_of(request).timezone,
        "problem": problem,
        "most_minutes": MOST_MINUTES,
    }
    return show(request, "web/session_add.html", context, status=400 if problem else 200)
