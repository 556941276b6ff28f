import pytest

from library.formats.metadata import (
    Identifier,
    clean_text,
    identifier_from,
    isbn_from,
    published_from,
    series_index_from,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (None, ""),
        ("One line.", "One line."),
        ("<p>One.</p>\n<p>Two &amp; <b>three</b>.</p>", "One.\nTwo & three."),
        ("One.<br/>Two.", "One.\nTwo."),
        ("<div><script>alert(1)</script>Seen<style>p{}</style></div>", "Seen"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("a\u202eb\x07c", "ab c"),
        ("<p", "<p"),
        ("x" * 20_000, "x" * 10_000),
    ],
)
def test_a_description_is_plain_text_with_a_line_for_each_paragraph(text: str | None, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("2011", "2011"),
        ("2011-05", "2011-05"),
        ("2011-05-27", "2011-05-27"),
        ("2011-05-27T10:00:00Z", "2011-05-27"),
        ("20110527", "2011-05-27"),
        ("1890-02-01 00:00", "1890-02-01"),
        ("2011-02-30", ""),
        ("2011-13-01", ""),
        ("0101-01-01T00:00:00+00:00", ""),  # what calibre writes where it knows none
        ("May 2011", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_date_is_as_exact_as_it_is_stated_and_exists(text: str | None, published: str) -> None:
    assert published_from(text) == published


@pytest.mark.parametrize(
    ("text", "isbn"),
    [
        ("9780306406157", "9780306406157"),
        ("978-0-306-40615-7", "9780306406157"),
        ("ISBN 0-306-40615-2", "9780306406157"),
        ("080442957X", "9780804429573"),
        ("080442957x", "9780804429573"),
        ("9780306406158", ""),
        ("0306406153", ""),
        ("1234567890123", ""),
        ("٩٧٨٠٣٠٦٤٠٦١٥٧", ""),
        ("", ""),
    ],
)
def test_an_isbn_has_thirteen_digits_and_the_right_last_one(text: str, isbn: str) -> None:
    assert isbn_from(text) == isbn


UUID = "a6bc6bc8-8888-4280-810d-1b7401ad5e09"


@pytest.mark.parametrize(
    ("scheme", "value", "identifier"),
    [
        ("ISBN", "978-0-306-40615-7", Identifier("isbn", "9780306406157")),
        ("", "urn:isbn:9780306406157", Identifier("isbn", "9780306406157")),
        ("", "isbn:0306406152", Identifier("isbn", "9780306406157")),
        ("ISBN", "123", None),
        ("", f"urn:uuid:{UUID.upper()}", Identifier("uuid", UUID)),
        ("uuid", UUID, Identifier("uuid", UUID)),
        ("calibre", UUID, Identifier("calibre", UUID)),
        ("", f"calibre:{UUID}", Identifier("calibre", UUID)),
        ("MOBI-ASIN", "B000FC1PJI", Identifier("asin", "B000FC1PJI")),
        ("AMAZON", "b000fc1pji", Identifier("asin", "B000FC1PJI")),
        ("MOBI-ASIN", "no shop's number", None),
        ("DOI", "10.1000/ABC", Identifier("doi", "10.1000/abc")),
        ("", "doi:10.1000/abc", Identifier("doi", "10.1000/abc")),
        ("URI", "http://www.gutenberg.org/11", Identifier("uri", "http://www.gutenberg.org/11")),
        ("", "http://www.gutenberg.org/11", Identifier("uri", "http://www.gutenberg.org/11")),
        ("goodreads", "123", Identifier("goodreads", "123")),
        ("", "  ", None),
        (None, None, None),
    ],
)
def test_an_identifier_says_of_what_kind_it_is(
    scheme: str | None, value: str | None, identifier: Identifier | None
) -> None:
    assert identifier_from(scheme, value) == identifier


@pytest.mark.parametrize(
    ("text", "index"),
    [("3", 3.0), ("2,5", 2.5), (" 0 ", 0.0), ("-1", -1.0), ("1.2.3", None), ("1e3", None), ("٣", 3.0), ("", None)],
)
def test_an_index_is_a_finite_number(text: str, index: float | None) -> None:
    assert series_index_from(text) == index
