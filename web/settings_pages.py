"""What readers set for themselves: app passwords, and the file formats that they prefer."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.app_passwords import create_app_password, revoke_app_password
from accounts.preferences import InvalidPreference, prefer_formats
from library.formats import PREFERENCE
from library.manifests import preferred_order
from web.rendering import origin_of, page, reader_of, show
from web.words import FORMAT_HINTS, FORMATS

LABEL_LENGTH = 100  # of what a person types here; a longer one helps nobody to tell passwords apart
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


def _show_settings(
    request: HttpRequest, *, label: str = "", label_problem: str = "", formats_problem: str = ""
) -> HttpResponse:
    reader = reader_of(request)
    order = preferred_order(reader.formats)
    passwords = reader.app_passwords.filter(revoked_at=None).order_by("pk")
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
    }
    return show(request, "web/settings.html", context, status=400 if label_problem or formats_problem else 200)


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
