"""What readers set for themselves: app passwords, the formats they prefer, when their day begins, their goals."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.app_passwords import create_app_password, revoke_app_password
from accounts.models import Reader
from accounts.preferences import InvalidPreference, prefer_formats
from library.formats import PREFERENCE
from library.manifests import preferred_order
from reading.goals import change_goals
from reading.zones import change_day, recount_progress, zone_names
from web.rendering import origin_of, page, reader_of, show
from web.words import FORMAT_HINTS, FORMATS
from workers.enqueue import enqueue
from workers.reading import refresh

LABEL_LENGTH = 100  # of what a person types here; a longer one helps nobody to tell passwords apart
TYPED_LENGTH = 100  # of what is shown again where it could not be taken
NO_SUCH_PASSWORD = "There is no such app password. It may have been revoked already."


@page
def settings(request: HttpRequest) -> HttpResponse:
    return _show_settings(request)


@page
def create_password(request: HttpRequest) -> HttpResponse:
    """Make an app password and show it: on the answer itself, since it is kept nowhere to be shown later."""
    if request.method != "POST":
        return redirect("settings")
    reader, label = reader_of(request), _one_line(request.POST.get("label", ""))
    if problem := _label_problem(label):
        return _show_settings(request, label=label, label_problem=problem)
    context = {
        "password": create_app_password(reader, label=label),
        "label": label,
        "origin": origin_of(request),
    }
    response = show(request, "web/app_password_made.html", context)
    response["Cache-Control"] = "no-store"
    return response


@page
def revoke_password(request: HttpRequest, password_id: int) -> HttpResponse:
    """Ask whether an app password is to be revoked, and revoke it."""
    reader = reader_of(request)
    shown = reader.app_passwords.filter(pk=password_id, revoked_at=None).first()
    if shown is None:
        raise Http404(NO_SUCH_PASSWORD)
    if request.method != "POST":
        return show(request, "web/app_password_revoke.html", {"password": shown})
    revoke_app_password(reader, shown.pk)
    messages.success(request, f"The app password “{shown.label or 'without a label'}” is revoked.")
    return redirect("settings")


@page
def formats(request: HttpRequest) -> HttpResponse:
    """Move one format in the order that the page showed, or go back to the usual order."""
    if request.method != "POST":
        return redirect("settings")
    sent = request.POST
    order = [] if "reset" in sent else _moved(sent.get("order", "").split(), sent.get("up", ""), sent.get("down", ""))
    if order == list(PREFERENCE):
        order = []  # the usual order, whatever a later version makes of it
    try:
        is_changed = prefer_formats(reader_of(request), order, known=PREFERENCE)
    except InvalidPreference as error:
        return _show_settings(request, formats_problem=error.sentence)
    if is_changed:
        messages.success(request, "Your devices get books in this order of formats from now on.")
    return redirect("/settings#formats")


@page
def day(request: HttpRequest) -> HttpResponse:
    """Set the zone and the hour of the reader's day; their days are counted anew in the background."""
    if request.method != "POST":
        return redirect("settings")
    reader, sent = reader_of(request), _typed(request, "timezone", "rollover_hour")
    try:
        hour = _whole_number(sent["rollover_hour"], "A day begins at an hour from 0 to 23.")
        if not sent["timezone"] or hour is None:
            raise InvalidPreference("Choose a time zone, and the hour at which your day begins.")
        is_changed = change_day(reader, timezone=sent["timezone"], rollover_hour=hour, now=timezone.now())
    except InvalidPreference as error:
        return _show_settings(request, day_sent=sent, day_problem=error.sentence)
    if is_changed:
        enqueue(refresh)
        messages.success(request, "Your days are counted anew. Your statistics follow within a few minutes.")
    return redirect("/settings#day")


@page
def goals(request: HttpRequest) -> HttpResponse:
    """Set what the reader wants to read; an empty field is no goal."""
    if request.method != "POST":
        return redirect("settings")
    reader, sent = reader_of(request), _typed(request, "minutes_a_day", "books_a_year")
    try:
        is_changed = change_goals(
            reader,
            minutes_a_day=_whole_number(sent["minutes_a_day"], "Minutes a day are a whole number."),
            books_a_year=_whole_number(sent["books_a_year"], "Books a year are a whole number."),
        )
    except InvalidPreference as error:
        return _show_settings(request, goals_sent=sent, goals_problem=error.sentence)
    if is_changed:
        enqueue(refresh)
        messages.success(request, "Your goals are kept; your statistics say how far you are.")
    return redirect("/settings#goals")


def _typed(request: HttpRequest, *names: str) -> dict[str, str]:
    return {name: request.POST.get(name, "").replace("\0", "").strip()[:TYPED_LENGTH] for name in names}


def _whole_number(text: str, sentence: str) -> int | None:
    """None for an empty text; InvalidPreference with the sentence for what is no number."""
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidPreference(sentence)
    return int(text) if text else None


def _show_settings(
    request: HttpRequest,
    *,
    label: str = "",
    label_problem: str = "",
    formats_problem: str = "",
    day_sent: dict[str, str] | None = None,
    day_problem: str = "",
    goals_sent: dict[str, str] | None = None,
    goals_problem: str = "",
) -> HttpResponse:
    reader = reader_of(request)
    order = preferred_order(reader.formats)
    passwords = reader.app_passwords.filter(revoked_at=None).order_by("pk")
    chosen_day = day_sent or {"timezone": reader.timezone, "rollover_hour": str(reader.rollover_hour)}
    context = {
        "passwords": passwords,
        "label": label,
        "label_problem": label_problem,
        "label_length": LABEL_LENGTH,
        "formats": [{"name": each, "shown": FORMATS[each], "hint": FORMAT_HINTS[each]} for each in order],
        "order": " ".join(order),
        "is_usual_order": order == list(PREFERENCE),
        "formats_problem": formats_problem,
        "origin": origin_of(request),
        "zones": _zones_by_continent(reader),
        "zone": chosen_day["timezone"],
        "hours": [(str(hour), f"{hour:02}:00") for hour in range(24)],
        "hour": chosen_day["rollover_hour"],
        "day_problem": day_problem,
        "recount": recount_progress(reader),
        "minutes_a_day": goals_sent["minutes_a_day"] if goals_sent else reader.goal_minutes_a_day,
        "books_a_year": goals_sent["books_a_year"] if goals_sent else reader.goal_books_a_year,
        "goals_problem": goals_problem,
    }
    problem = label_problem or formats_problem or day_problem or goals_problem
    return show(request, "web/settings.html", context, status=400 if problem else 200)


def _zones_by_continent(reader: Reader) -> list[tuple[str, list[tuple[str, str]]]]:
    """Zones as a list shows them, under their continents: `Europe/Berlin` is Berlin."""
    groups: dict[str, list[tuple[str, str]]] = {}
    # An account made by a command may be in a zone that nobody would choose from a list, such as CET.
    for name in sorted({*zone_names(), reader.timezone}):
        continent, _, place = name.rpartition("/") if name.count("/") == 1 else name.partition("/")
        group, shown = (continent, place) if continent and place else ("Other", name)
        groups.setdefault(group, []).append((name, shown.replace("_", " ").replace("/", ", ")))
    return sorted(groups.items(), key=lambda group: (group[0] in ("Etc", "Other"), group[0]))


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _label_problem(label: str) -> str:
    if not label:
        return "Give it a label, so that you can tell it from others later: the device or app that it is for."
    if len(label) > LABEL_LENGTH:
        return f"This label is {len(label)} characters long; {LABEL_LENGTH} is the most."
    return ""


def _moved(order: list[str], up: str, down: str) -> list[str]:
    """The order with one format a place further up or down. One that it does not hold is added, to be looked at."""
    order = list(dict.fromkeys(order))
    name = up or down
    if name not in order:
        return [*order, name]
    at = order.index(name)
    to = max(at - 1, 0) if up else at + 1
    order.insert(to, order.pop(at))
    return order
