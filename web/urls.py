from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path, register_converter

from web import import_pages, inbox_pages, library_pages, log_pages, settings_pages, stats_pages
from web.pages import home


class RowId:
    """An id in an address; what no row can have is an unknown address, and never asked of the database."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(RowId, "row")

urlpatterns = [
    path("", home, name="home"),
    path("login", LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(next_page="login"), name="logout"),
    path("books", library_pages.books, name="books"),
    path("books/<row:book_id>", library_pages.book, name="book"),
    path("series", library_pages.series_list, name="series-list"),
    path("series/<row:series_id>", library_pages.series, name="series"),
    path("authors", library_pages.author_list, name="author-list"),
    path("authors/<row:author_id>", library_pages.author, name="author"),
    path("inbox", inbox_pages.inbox, name="inbox"),
    path("inbox/send", inbox_pages.send, name="inbox-send"),
    path("inbox/remove", inbox_pages.remove, name="inbox-remove"),
    path("stats", stats_pages.stats, name="stats"),
    path("stats/books/<row:book_id>", stats_pages.book, name="stats-book"),
    path("stats/sessions", log_pages.log, name="stats-sessions"),
    path("stats/sessions/add", log_pages.add, name="stats-session-add"),
    path("stats/sessions/<row:session_id>", log_pages.session, name="stats-session"),
    path("stats/sessions/<row:session_id>/delete", log_pages.delete, name="stats-session-delete"),
    path("stats/sessions/<row:session_id>/restore", log_pages.restore, name="stats-session-restore"),
    path("stats/import", import_pages.imports, name="stats-import"),
    path("settings/day", settings_pages.day, name="settings-day"),
    path("settings/goals", settings_pages.goals, name="settings-goals"),
    path("settings", settings_pages.settings, name="settings"),
    path("settings/formats", settings_pages.formats, name="settings-formats"),
    path("settings/app-passwords", settings_pages.create_password, name="app-passwords"),
    path("settings/app-passwords/<row:password_id>/revoke", settings_pages.revoke_password, name="app-password-revoke"),
]
