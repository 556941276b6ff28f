from tests.bench.matching import cases, library, report


def test_no_name_of_the_collection_is_matched_to_a_wrong_book() -> None:
    score = report()
    assert [(error.case.clue.filename, error.answered) for error in score.wrong] == []
    assert score.recall > 0.95
    assert score.weighted > 0.95


def test_the_collection_is_large_and_holds_many_names_that_mean_no_book() -> None:
    named = cases()
    ids = {book.book_id for book in library()}
    assert len(named) >= 320
    assert sum(case.expected is None for case in named) >= 100
    assert all(case.expected in ids for case in named if case.expected is not None)
    assert len(ids) >= 150
