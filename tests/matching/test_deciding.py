import random
from collections.abc import Sequence

import pytest

from matching.deciding import Candidate, Clue, FileEvidence, Link, Verdict, decide
from tests.matching.examples import BOOKS, found_by_keys, library

MD5, OTHER_MD5 = "a" * 32, "b" * 32


def book(book_id: int, title: str = "", *authors: str, files: tuple[FileEvidence, ...] = ()) -> Candidate:
    return Candidate(book_id, title or f"Book {book_id}", tuple(authors), files=files)


def file(name: str = "", ko_md5: str = "", size: int = 0) -> FileEvidence:
    return FileEvidence(name.casefold(), ko_md5, size)


def offered(verdict: Verdict) -> list[int]:
    return [offer.candidate.book_id for offer in verdict.offers]


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


EXAMPLES = library(BOOKS)


def found(clue: Clue, books: Sequence[Candidate] = EXAMPLES) -> int | None:
    return decide(clue, found_by_keys(clue, books)).book_id


@pytest.mark.parametrize(
    ("name", "folder", "book_id"),
    [
        ("02.cbz", "Berserk", 8),
        ("Vol. 2.cbz", "Berserk", 8),
        ("第02巻.cbz", "Berserk", 8),
        ("T02.cbz", "One Piece", 11),
        ("Tome 2.epub", "Victor Hugo - Les Misérables", 21),
        ("Tom 2.fb2", "Война и мир", 23),
        ("050.cbz", "Batman (2016)", 32),
        ("Volume 3.cbz", "Berserk", None),
        ("c002.cbz", "Berserk", None),
        ("001.cbz", "Berserk", None),
        ("v02.cbz", "Downloads", None),
        ("Berserk v02.cbz", "Berserk Deluxe Edition", None),
        ("Berserk v02.cbz", "Manga", 8),
        ("Foundation.epub", "Collegium Chronicles", 34),
        ("Foundation.epub", "Isaac Asimov", 33),
        ("Foundation.epub", "Books", None),
        ("Vol. 1 — Foundation.epub", "Foundation", 33),
        ("Vol. 1 — Foundation.epub", "Collegium Chronicles", 34),
        ("Vol. 1 — Foundation.epub", "", None),
    ],
)
def test_the_folder_says_the_series_of_a_bare_volume_and_decides_between_equal_titles(
    name: str, folder: str, book_id: int | None
) -> None:
    assert found(Clue(name, folder=folder)) == book_id


@pytest.mark.parametrize(
    ("clue", "book_id"),
    [
        (Clue("book.epub", title="Sword Art Online 2"), 14),
        (Clue("Sword Art Online 2.epub", title="Sword Art Online"), 14),
        (Clue("Vol. 2.epub", title="Sword Art Online"), 14),
        (Clue("One Piece 2.epub", title="Buggy the Clown"), 11),
        (Clue("x.epub", title="Mistborn: The Final Empire (Mistborn Book 1)"), 39),
        (Clue("It.epub", title="It: A Novel", authors=("Stephen King",)), 4),
        (Clue("Berserk v02.cbz", title="Berserk"), 8),
        (Clue("Berserk v02.cbz", title="Berserk v03"), None),
        (Clue("Sword Art Online 1.epub", title="Sword Art Online 2"), None),
        (Clue("One Piece 3.epub", title="Buggy the Clown"), None),
        (Clue("ch01.epub", title="Fahrenheit 451"), None),
        (Clue("Arrakis.epub", title="Dune"), None),
        (Clue("The Hobbit.epub", title="The Hobbit (Illustrated)", authors=("J. R. R. Tolkien",)), None),
    ],
)
def test_the_name_and_the_documents_title_complete_but_never_contradict_each_other(
    clue: Clue, book_id: int | None
) -> None:
    assert found(clue) == book_id


def test_an_isbn_tells_equal_titles_apart_only_by_what_it_contradicts() -> None:
    clean = Candidate(1, "Clean Code", ("Robert C. Martin",), isbns=("9780132350884",))
    other = Candidate(2, "Clean Coder", ("Robert C. Martin",), isbns=("9780137081073",))
    assert found(Clue("9780132350884.pdf"), [clean, other]) == 1
    assert decide(Clue("9780132350884.pdf"), [clean, other]).method == "isbn"
    assert found(Clue("Clean Code 9780132350884.pdf"), [clean, other]) == 1
    assert found(Clue("Clean Code 9780137081073.pdf"), [clean, other]) is None
    assert found(Clue("9780132350884.pdf", authors=("Somebody Else",)), [clean]) is None
    twin = Candidate(3, "Clean Code II", isbns=("9780132350884",))
    assert found(Clue("9780132350884.pdf"), [clean, twin]) is None


def test_the_year_of_publication_decides_between_equal_titles() -> None:
    books = [Candidate(1, "Legacy", year=1995), Candidate(2, "Legacy", year=1987)]
    assert found(Clue("Legacy (1987).epub"), books) == 2
    assert found(Clue("Legacy (1990).epub"), books) is None


def test_the_form_of_a_work_is_believed_where_the_name_says_it() -> None:
    novel = Candidate(1, "Overlord, Vol. 1 (light novel)", series="Overlord", series_index=1.0)
    manga = Candidate(2, "Overlord, Vol. 1 (manga)", series="Overlord", series_index=1.0)
    assert found(Clue("Overlord v01 (Light Novel).epub"), [novel, manga]) == 1
    assert found(Clue("Overlord v01 (Manga).cbz"), [novel, manga]) == 2
    assert found(Clue("Overlord v01.epub"), [novel, manga]) is None
    assert found(Clue("Overlord v01 (Manga).cbz"), [novel]) is None


def test_nothing_is_decided_by_being_the_only_one_of_a_crowd() -> None:
    clue = Clue("Foundation.epub")
    only = [book for book in EXAMPLES if book.book_id == 33]
    assert decide(clue, only).book_id == 33
    crowded = decide(clue, only, crowded=frozenset({"t:foundation"}))
    assert crowded.book_id is None
    assert offered(crowded) == [33]


def test_a_volume_is_decided_in_a_crowd_of_one_title() -> None:
    clue = Clue("Vol. 2 — Sword Art Online.epub")
    books = found_by_keys(clue, EXAMPLES)
    assert decide(clue, books, crowded=frozenset({"t:sword art online"})).book_id == 14
    assert decide(clue, books, crowded=frozenset({"t:sword art online", "v:sword art online#2"})).book_id is None


def test_in_the_folder_of_its_series_a_volume_is_found_among_a_crowd_of_the_same_title() -> None:
    book = Candidate(1, "Volume 3", series="Some Manga", series_index=3.0)
    crowded = frozenset({"t:volume 3"})
    assert decide(Clue("Vol. 3 — Volume 3.cbz", folder="Some Manga"), [book], crowded=crowded).book_id == 1
    assert decide(Clue("Vol. 3 — Volume 3.cbz"), [book], crowded=crowded).book_id is None


def test_a_name_with_the_books_id_is_that_book() -> None:
    twins = [Candidate(7, "Emma", ("Jane Austen",)), Candidate(9, "Emma", ("Jane Austen",))]
    assert found(Clue("Emma [9].epub"), twins) == 9
    assert decide(Clue("Emma [9].epub"), twins).method == "own_name"
    assert found(Clue("Emma.epub"), twins) is None


def test_a_series_alone_offers_its_volumes_in_their_order() -> None:
    assert offered(decide(Clue("Berserk.cbz"), found_by_keys(Clue("Berserk.cbz"), EXAMPLES))) == [7, 8, 9]


def test_no_more_is_offered_than_anybody_reads() -> None:
    volumes = [
        Candidate(number, f"Title {number}", series="Long", series_index=float(number)) for number in range(1, 60)
    ]
    verdict = decide(Clue("Long.epub"), volumes)
    assert offered(verdict) == list(range(1, 21))
