import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.catalogue import ENTRIES
from library.inbox import send_to_inbox
from library.manifests import refresh_manifests
from library.models import Author, Authorship, Book, BookFile, Series
from reading.clocks import Clock
from reading.merging import merge_books
from reading.models import BookStatus, StatusState
from reading.positions import PlaceReport
from reading.reports import report_position
from tests.web.shelves import put_book, put_volumes

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAGES = ("/books", "/series", "/authors", "/inbox", "/settings")


@pytest.fixture
def page(client: Client, ada: Reader) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def shown(page: Client, address: str) -> str:
    answer = page.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def titles(text: str) -> list[str]:
    return [" ".join(found.split()) for found in re.findall(r'<span class="title">(.*?)</span>', text, re.DOTALL)]


def next_page(text: str) -> str:
    found = re.search(r'<a class="button" rel="next" href="([^"]+)"|<a class="button" href="([^"]+)" rel="next"', text)
    assert found is not None
    return (found[1] or found[2]).replace("&amp;", "&")


@pytest.mark.parametrize("address", [*PAGES, "/books/1", "/series/1", "/authors/1"])
def test_a_visitor_is_asked_to_log_in(db: None, address: str) -> None:
    answer = Client().get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={address}")


@pytest.mark.parametrize("address", PAGES)
def test_each_page_leads_to_all_others(page: Client, address: str) -> None:
    text = shown(page, address)
    for other in ("/", *PAGES):
        assert f'href="{other}"' in text
    assert f'href="{address}" aria-current="page"' in text


@pytest.mark.parametrize("address", PAGES)
def test_an_empty_library_says_what_to_do(page: Client, address: str) -> None:
    assert "shelf" not in shown(page, address)
    assert "tome scan --wait" in shown(page, "/books")


OF_STATISTICS = ["/stats", "/stats/books/{id}", "/stats/sessions", "/stats/sessions/add", "/stats/import"]


@pytest.mark.parametrize("address", [*PAGES, "/books/{id}", *OF_STATISTICS])
def test_nothing_stands_in_a_page_that_its_policy_forbids(page: Client, book: Book, address: str) -> None:
    text = shown(page, address.format(id=book.pk))
    # A script is a file of ours, or no script but numbers.
    of_ours = r'<script(?! type="module" src="/static/| id="[a-z-]+" type="application/json")'
    assert not re.search(rf"<style|\sstyle=|{of_ours}|\son[a-z]+=|javascript:", text)


def test_books_stand_in_the_order_of_their_titles(page: Client) -> None:
    for title in ("The Time Machine", "Emma", "A Room with a View"):
        put_book(title)
    assert titles(shown(page, "/books")) == ["Emma", "A Room with a View", "The Time Machine"]


def test_the_book_that_came_last_stands_first_where_it_is_asked_for(page: Client) -> None:
    for title in ("Zadig", "Emma", "Candide"):
        put_book(title)
    assert titles(shown(page, "/books?order=newest")) == ["Candide", "Emma", "Zadig"]


@pytest.mark.parametrize("order", ["", "order=newest"])
def test_going_on_from_page_to_page_shows_each_book_once(page: Client, order: str) -> None:
    known = {put_book(f"Essay {number}").title for number in range(ENTRIES + 3)}
    first = shown(page, f"/books?{order}")
    second = shown(page, "/books" + next_page(first))
    assert len(titles(first)) == ENTRIES
    assert {*titles(first), *titles(second)} == known
    assert "This is the last page." in second
    assert ("order=newest" in next_page(first)) == bool(order)


def test_a_type_and_a_letter_narrow_the_books(page: Client) -> None:
    put_book("Emma")
    put_book("Elfen", book_type="manga")
    put_book("Clover", book_type="manga")
    assert titles(shown(page, "/books?type=manga")) == ["Clover", "Elfen"]
    assert titles(shown(page, "/books?type=manga&initial=e")) == ["Elfen"]
    assert titles(shown(page, "/books?initial=e")) == ["Elfen", "Emma"]
    assert "There are no such books." in shown(page, "/books?type=comic&initial=e")


def test_a_search_finds_titles_authors_and_series_and_keeps_what_was_typed(page: Client) -> None:
    put_book("Emma")
    put_book("Clover 1", authors=("CLAMP",), series="Four Leaves", series_index=1.0)
    assert titles(shown(page, "/books?q=aust")) == ["Emma"]
    assert titles(shown(page, "/books?q=leav")) == ["Clover 1"]
    nothing = shown(page, "/books?q=" + quote('"><b>'))
    assert 'value="&quot;&gt;&lt;b&gt;"' in nothing
    assert "No book has words that begin so" in nothing


@pytest.mark.parametrize("text", ["%00", "...", "%F0%9F%92%A9", "%25", "a" * 5000, "%FF%FE"])
def test_any_search_is_answered(page: Client, book: Book, text: str) -> None:
    assert page.get(f"/books?q={text}").status_code == 200


@pytest.mark.parametrize(
    "asked",
    ["books?after=x", "books?after=1~%00", "series?after=~", "authors?after=x~y", "books?order=newest&after=1~x"],
)
def test_an_address_of_a_further_page_that_cannot_be_read_is_said(page: Client, book: Book, asked: str) -> None:
    answer = page.get(f"/{asked}")
    assert answer.status_code == 400
    assert "This address of a further page cannot be read; begin at the first page." in answer.content.decode()


@pytest.mark.parametrize("asked", ["books?initial=ab", "books?type=%00", "books?type=book%27", "authors?initial=%00"])
def test_a_choice_that_there_is_not_is_said(page: Client, book: Book, asked: str) -> None:
    answer = page.get(f"/{asked}")
    assert answer.status_code == 400
    assert "there are" in answer.content.decode()


@pytest.mark.parametrize("kind", ["books", "series", "authors"])
@pytest.mark.parametrize("row", ["999999", "9" * 18, "9" * 30, "-1", "1%00", "x"])
def test_what_there_is_not_is_a_page_that_says_so(page: Client, kind: str, row: str) -> None:
    answer = page.get(f"/{kind}/{row}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert 'href="/books"' in answer.content.decode()


def test_a_book_has_all_that_is_known_of_it(page: Client, book: Book) -> None:
    pdf = BookFile.objects.create(
        book=book,
        path="deep/Scarlet.pdf",
        name_key="",
        format="pdf",
        size=2_500_000,
        mtime_ns=0,
        sha256="s",
        ko_md5="k",
    )
    book.series, book.series_index = Series.objects.create(name="Sherlock Holmes"), 2.5
    book.description, book.publisher = "Of a doctor.\nAnd of a detective.", "Ward Lock"
    book.save()
    translator = Author.objects.create(name="Ada L.")
    Authorship.objects.create(book=book, author=translator, role="trl", place=1)
    text = shown(page, f"/books/{book.pk}")
    file = book.files.get(format="epub")
    for words in (
        "<h1>A Study in Scarlet</h1>",
        f'<a href="/authors/{Author.objects.get(name="Arthur Conan Doyle").pk}">Arthur Conan Doyle</a>',
        f'<a href="/series/{book.series.pk}">Sherlock Holmes, 2.5</a>',
        "<p>Of a doctor.</p><p>And of a detective.</p>",
        f'href="/api/tome-sync/download/{book.pk}/{file.pk}"',
        f'href="/api/tome-sync/download/{book.pk}/{pdf.pk}"',
        "Scarlet.pdf",
        "Ada L. (translator)",
        "Ward Lock",
    ):
        assert words in text
    assert "deep/" not in text
    assert "Being read" not in text


def test_the_files_stand_in_the_order_that_the_reader_prefers(page: Client, ada: Reader, book: Book) -> None:
    BookFile.objects.create(
        book=book, path="Scarlet.pdf", name_key="", format="pdf", size=7, mtime_ns=0, sha256="s", ko_md5="k"
    )
    assert re.findall(r"Download (\w+)", shown(page, f"/books/{book.pk}")) == ["EPUB", "PDF"]
    ada.formats = ["pdf"]
    ada.save()
    assert re.findall(r"Download (\w+)", shown(page, f"/books/{book.pk}")) == ["PDF", "EPUB"]


def test_a_book_says_how_far_its_reader_is_and_nobody_else(page: Client, ada: Reader, bob: Reader, book: Book) -> None:
    report_position(ada, book.pk, PlaceReport(0.42), device=DeviceClue("kobo-1", "Kobo"), clock=Clock(NOW))
    text = shown(page, f"/books/{book.pk}")
    assert "42 %, on Kobo, 1 May 2026, 14:00" in text  # Berlin's time
    page.force_login(bob)
    assert "42 %" not in shown(page, f"/books/{book.pk}")


def test_a_finished_book_says_when(page: Client, ada: Reader, book: Book) -> None:
    BookStatus.objects.create(reader=ada, book=book, state=StatusState.READ, finished_at=NOW)
    text = shown(page, f"/books/{book.pk}")
    assert "<strong>Read</strong>, finished on 1 May 2026" in text
    assert "<progress" not in text


def test_the_address_of_a_book_that_was_merged_leads_to_the_other(page: Client, book: Book) -> None:
    other = put_book("A Study in Scarlet, again")
    merge_books(book, other)
    assert page.get(f"/books/{other.pk}")["Location"] == f"/books/{book.pk}"


def test_a_book_whose_files_are_gone_is_not_shown(page: Client, book: Book) -> None:
    Book.objects.update(is_active=False)
    assert page.get(f"/books/{book.pk}").status_code == 404
    assert titles(shown(page, "/books")) == []


def test_series_are_listed_with_author_and_count(page: Client) -> None:
    put_volumes(3, authors=("CLAMP",), book_type="manga")
    text = shown(page, "/series")
    assert titles(text) == ["Clover"]
    assert "CLAMP" in text
    assert "3 books · Manga" in text
    assert titles(shown(page, "/series?initial=d")) == []


def test_the_volumes_of_a_series_stand_in_their_order(page: Client) -> None:
    volumes = put_volumes(ENTRIES + 1)
    first = shown(page, f"/series/{volumes[0].series_id}")
    assert titles(first)[:2] == ["Vol. 1 — Clover 01", "Vol. 2 — Clover 02"]
    assert f'name="series" value="{volumes[0].series_id}"' in first
    assert f"{ENTRIES + 1} books" in first
    assert titles(shown(page, f"/series/{volumes[0].series_id}" + next_page(first))) == [
        f"Vol. {ENTRIES + 1} — Clover {ENTRIES + 1}"
    ]


def test_a_series_of_which_nothing_is_there_is_not_shown(page: Client) -> None:
    [volume] = put_volumes(1)
    Book.objects.update(is_active=False)
    assert page.get(f"/series/{volume.series_id}").status_code == 404


def test_authors_are_listed_with_what_they_wrote(page: Client) -> None:
    put_book("Emma")
    put_book("Persuasion")
    emma = put_book("Adam Bede", authors=("George Eliot",))
    Authorship.objects.create(book=emma, author=Author.objects.create(name="A Translator"), role="trl", place=1)
    text = " ".join(shown(page, "/authors").split())
    assert 'George Eliot</a> <span class="hint">1 book<' in text
    assert 'Jane Austen</a> <span class="hint">2 books<' in text
    assert "A Translator" not in text
    jane = Author.objects.get(name="Jane Austen")
    assert titles(shown(page, f"/authors/{jane.pk}")) == ["Emma", "Persuasion"]


def test_names_are_text_whatever_they_hold(page: Client) -> None:
    evil = "<script>alert(1)</script>"
    book = put_book(
        evil, authors=('"><img src=x>',), series="<b>Series", series_index=1.0, description="<i>text", publisher="<u>"
    )
    refresh_manifests()
    author = Author.objects.get()
    page.post("/inbox/send", {"book": book.pk})
    for address in ("/books", f"/books/{book.pk}", "/series", f"/series/{book.series_id}", "/authors", "/inbox"):
        text = shown(page, address)
        for tag in ("<script>", "<img src=x", "<b>", "<i>", "<u>"):
            assert tag not in text
    assert "&lt;script&gt;" in shown(page, f"/authors/{author.pk}")


def test_a_book_without_a_cover_has_its_title_there(page: Client, book: Book) -> None:
    assert '<span class="cover bare" aria-hidden="true"><span>A Study in Scarlet</span></span>' in shown(page, "/books")
    Book.objects.update(cover="01/1-abcd1234.webp")
    for address in ("/books", f"/books/{book.pk}"):
        assert f'src="/api/books/{book.pk}/cover?size=' in shown(page, address)


@pytest.mark.parametrize(
    "address", ["/books", "/books?order=newest", "/books?q=clover", "/series/{series}", "/authors", "/series"]
)
def test_more_books_take_no_more_queries(page: Client, ada: Reader, address: str) -> None:
    volumes = put_volumes(2)
    address = address.format(series=volumes[0].series_id)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(page, address)
        return len(captured)

    few = queries()
    for number in range(10):
        send_to_inbox(ada, put_book(f"Clover and {number}", authors=(f"Author {number}", "Another")))
        put_volumes(1, series=f"Series {number}")
    assert queries() == few <= 12
