import random

import pytest

from matching.deciding import Candidate, Clue, FileEvidence, Link, Verdict, decide

MD5, OTHER_MD5 = "a" * 32, "b" * 32


def book(book_id: int, title: str = "", *authors: str, files: tuple[FileEvidence, ...] = ()) -> Candidate:
    return Candidate(book_id, title or f"Book {book_id}", tuple(authors), files=files)


def file(name: str = "", ko_md5: str = "", size: int = 0) -> FileEvidence:
    return FileEvidence(name.casefold(), ko_md5, size)


def offered(verdict: Verdict) -> list[int]:
    return [offer.candidate.book_id for offer in verdict.offers]


# --- Links -----------------------------------------------------------------------------------------------------------

HELD = book(1, "One", files=(file("one.epub", MD5, 10),))
SAID = book(2, "Two")


def test_what_the_reader_said_of_this_hash_beats_the_hash_itself() -> None:
    verdict = decide(Clue("one.epub", MD5, 10), [HELD, SAID], [Link(2, "other name.epub", MD5, 10)])
    assert (verdict.book_id, verdict.method, verdict.confidence) == (2, "link", 1.0)


def test_none_of_these_ends_the_matter_and_offers_nothing() -> None:
    verdict = decide(Clue("one.epub", MD5, 10), [HELD], [Link(None, "one.epub", MD5, 10)])
    assert (verdict.book_id, verdict.method, verdict.offers) == (None, "link", ())


def test_a_hash_beats_what_was_said_of_the_name_alone() -> None:
    assert decide(Clue("one.epub", MD5, 10), [HELD, SAID], [Link(2, "one.epub")]).book_id == 1


def test_what_was_said_of_the_name_alone_beats_the_names_of_files() -> None:
    assert decide(Clue("One.epub"), [HELD, SAID], [Link(2, "one.epub")]).book_id == 2
    assert decide(Clue("one.epub"), [HELD], [Link(None, "one.epub")]).method == "link"


def test_what_was_said_of_another_file_with_the_same_hash_but_another_size_does_not_hold() -> None:
    assert decide(Clue("one.epub", MD5, 10), [HELD, SAID], [Link(2, "two.epub", MD5, 11)]).book_id == 1


def test_of_two_statements_about_one_hash_the_one_about_this_name_holds() -> None:
    links = [Link(1, "one.epub", MD5), Link(2, "two.epub", MD5)]
    assert decide(Clue("two.epub", MD5), [HELD, SAID], links).book_id == 2
    assert decide(Clue("three.epub", MD5, 99), [HELD, SAID], links).book_id is None


def test_a_link_to_a_book_that_this_reader_cannot_see_holds_no_more() -> None:
    assert decide(Clue("one.epub", MD5, 10), [HELD], [Link(7, "one.epub", MD5)]).book_id == 1


# --- Hashes ----------------------------------------------------------------------------------------------------------


def test_a_hash_of_one_book_decides_whatever_the_file_is_called() -> None:
    verdict = decide(Clue("whatever.epub", MD5, 10, title="Two"), [HELD, SAID])
    assert (verdict.book_id, verdict.method) == (1, "hash")
    assert decide(Clue("whatever.epub", MD5), [HELD, SAID]).book_id == 1


def test_two_files_that_share_a_hash_are_told_apart_by_size() -> None:
    twins = [book(1, files=(file("", MD5, 10),)), book(2, files=(file("", MD5, 11),))]
    assert decide(Clue("x.epub", MD5, 10), twins).book_id == 1
    assert decide(Clue("x.epub", MD5, 11), twins).book_id == 2
    unsized = decide(Clue("x.epub", MD5), twins)
    assert unsized.book_id is None
    assert offered(unsized) == [1, 2]


def test_a_hash_with_a_size_that_no_file_of_it_had_decides_nothing() -> None:
    verdict = decide(Clue("x.epub", MD5, 12), [HELD])
    assert verdict.book_id is None
    assert offered(verdict) == [1]
    assert "size" in verdict.offers[0].reason


def test_where_a_hash_leaves_two_books_the_name_may_decide_between_these_but_bring_in_no_third() -> None:
    twins = [book(1, files=(file("a.epub", MD5, 10),)), book(2, files=(file("b.epub", MD5, 10),))]
    third = book(3, files=(file("c.epub", OTHER_MD5, 10),))
    assert decide(Clue("b.epub", MD5, 10), [*twins, third]).book_id == 2
    assert decide(Clue("c.epub", MD5, 10), [*twins, third]).book_id is None


def test_two_files_of_one_book_with_one_hash_are_no_contradiction() -> None:
    twice = book(1, files=(file("a.epub", MD5, 10), file("b.epub", MD5, 10)))
    assert decide(Clue("x.epub", MD5, 10), [twice]).book_id == 1


# --- Names -----------------------------------------------------------------------------------------------------------


def test_the_exact_base_name_of_one_book_decides() -> None:
    verdict = decide(Clue("ONE.epub", OTHER_MD5, 99), [HELD, SAID])
    assert (verdict.book_id, verdict.method) == (1, "filename")


def test_a_base_name_that_two_books_share_says_nothing() -> None:
    named = [book(1, files=(file("001.cbz"),)), book(2, files=(file("001.cbz"),))]
    verdict = decide(Clue("001.cbz"), named)
    assert verdict.book_id is None
    assert offered(verdict) == [1, 2]


@pytest.mark.parametrize("name", ["One.sdr", "one.epub.part", "One.epub.crdownload"])
def test_a_sidecar_or_an_unfinished_download_is_no_book(name: str) -> None:
    linked = [Link(1, name.casefold())]
    named = book(1, "One", files=(file(name),))
    verdict = decide(Clue(name), [named], linked)
    assert (verdict.book_id, verdict.offers) == (None, ())


# --- Titles ----------------------------------------------------------------------------------------------------------

DUNE = book(1, "Dune", "Frank Herbert")
MESSIAH = book(2, "Dune Messiah", "Frank Herbert")
ASIMOVS = book(33, "Foundation", "Isaac Asimov")
LACKEYS = book(34, "Foundation", "Mercedes Lackey")
IT = book(4, "It", "Stephen King")
OMENS = book(35, "Good Omens", "Terry Pratchett", "Neil Gaiman")
HOBBIT = book(38, "The Hobbit", "J.R.R. Tolkien")
LIBRARY = [DUNE, MESSIAH, ASIMOVS, LACKEYS, IT, OMENS, HOBBIT]


@pytest.mark.parametrize(
    ("clue", "book_id", "method"),
    [
        (Clue("Dune.epub"), 1, "title"),
        (Clue("dune.kepub.epub"), 1, "title"),
        (Clue("Dune Messiah.epub"), 2, "title"),
        (Clue("Dune_Messiah.azw3"), 2, "title"),
        (Clue("It.epub"), 4, "title"),
        (Clue("Hobbit, The.pdf"), 38, "title"),
        (Clue("Dune Part Two.epub"), None, "none"),
        (Clue("Dune 2.epub"), None, "none"),
        (Clue("x1.epub", title="Dune", authors=("Herbert, Frank",)), 1, "title_author"),
        (Clue("x1.epub", title="Dune", authors=("F. Herbert",)), 1, "title_author"),
        (Clue("x1.epub", title="Dune", authors=("Brian Herbert",)), None, "none"),
        (Clue("Dune.epub", authors=("Somebody Else",)), None, "none"),
        (Clue("Dune.epub", title="Arrakis: A Cookbook"), None, "none"),
        (Clue("Dune.epub", title="Arrakis", authors=("Frank Herbert",)), 1, "title_author"),
        (Clue("It.epub", title="Dune"), None, "none"),
        (Clue("Foundation.epub"), None, "none"),
        (Clue("Foundation.epub", authors=("Isaac Asimov",)), 33, "title_author"),
        (Clue("Foundation.epub", authors=("Lackey, Mercedes",)), 34, "title_author"),
        (Clue("Foundation.epub", authors=("Somebody Else",)), None, "none"),
        (Clue("x.epub", title="Good Omens", authors=("Neil Gaiman", "Terry Pratchett")), 35, "title_author"),
        (Clue("x.epub", title="Good Omens", authors=("Terry Pratchett & Neil Gaiman",)), 35, "title_author"),
        (Clue("x.epub", title="Good Omens", authors=("Terry Pratchett, Neil Gaiman",)), 35, "title_author"),
        (Clue("x.epub", title="The Hobbit", authors=("John Ronald Reuel Tolkien",)), 38, "title_author"),
        (Clue("x.epub", title="The Hobbit", authors=("J. R. R. Tolkien",)), 38, "title_author"),
        (Clue("….epub"), None, "none"),
        (Clue("unknown.epub"), None, "none"),
    ],
)
def test_a_whole_title_decides_unless_the_author_speaks_against_it(
    clue: Clue, book_id: int | None, method: str
) -> None:
    verdict = decide(clue, LIBRARY)
    assert (verdict.book_id, verdict.method) == (book_id, method)


def test_equal_titles_are_offered_with_reasons() -> None:
    verdict = decide(Clue("Foundation.epub"), LIBRARY)
    assert offered(verdict) == [33, 34]
    assert all(offer.reason.endswith(".") for offer in verdict.offers)


def test_a_title_whose_author_is_another_is_offered_but_not_taken() -> None:
    assert offered(decide(Clue("Dune.epub", authors=("Somebody Else",)), LIBRARY)) == [1]


def test_a_book_without_authors_is_not_contradicted_by_any() -> None:
    assert decide(Clue("x.epub", title="Beowulf", authors=("Anonymous",)), [book(9, "Beowulf")]).book_id == 9


def test_a_surname_or_initials_alone_are_no_author() -> None:
    kings = [book(1, "It", "Stephen King"), book(2, "It", "Owen King")]
    assert decide(Clue("x.epub", title="It", authors=("King",)), kings).book_id is None
    assert decide(Clue("x.epub", title="It", authors=("S. K.",)), kings).book_id is None
    for alone in ("King", "S. K."):
        verdict = decide(Clue("x.epub", title="It", authors=(alone,)), [IT])
        assert verdict.book_id is None
        assert offered(verdict) == [4]


def test_a_verdict_has_a_reason_in_a_sentence() -> None:
    for clue in (Clue("Dune.epub"), Clue("unknown.epub"), Clue("Foundation.epub"), Clue("Dune.sdr")):
        reason = decide(clue, LIBRARY).reason
        assert reason[0].isupper()
        assert reason.endswith(".")


def test_the_order_of_the_library_and_books_that_have_nothing_to_do_with_it_change_nothing() -> None:
    clues = [Clue("Dune.epub"), Clue("Foundation.epub"), Clue("one.epub", MD5, 10), Clue("x.epub", title="It")]
    shuffler = random.Random(7)
    unrelated = [book(100 + number, f"Unrelated {number}", "Nobody") for number in range(5)]
    for clue in clues:
        expected = decide(clue, [HELD, *LIBRARY])
        for _ in range(10):
            shuffled = [HELD, *LIBRARY, *unrelated]
            shuffler.shuffle(shuffled)
            assert decide(clue, shuffled) == expected
