"""What all pages have in common: who looks, the frame around them, and the page that says why something was refused."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.days import zone_or_utc
from accounts.models import Reader
from library.errors import LibraryError
from library.models import InboxItem

View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """A page for whoever is logged in; what the library refuses is said on a page of its own."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except LibraryError as error:
            return show(request, "web/refused.html", {"sentence": error.sentence}, status=400)

    return login_required(shown)


def reader_of(request: HttpRequest) -> Reader:
    """Who is logged in, on a page that asks for it."""
    reader: Reader = request.user  # type: ignore[assignment]
    return reader


def show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The page, its times by the reader's clock, and beside one link how many books wait for the reader's device."""
    reader = reader_of(request)
    waiting = InboxItem.objects.filter(reader=reader, delivered_at=None).count()
    with timezone.override(zone_or_utc(reader.timezone)):
        return render(request, template, {"waiting_count": waiting, **context}, status=status)


def origin_of(request: HttpRequest) -> str:
    """The address under which devices reach this server, without a slash at its end."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def way_back(request: HttpRequest, default: str) -> str:
    """Where the form that was sent stood, if it says so and that is a page of ours."""
    back = request.POST.get("back", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if is_ours else default
