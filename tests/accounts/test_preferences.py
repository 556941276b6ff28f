import pytest

from accounts.models import Reader
from accounts.preferences import InvalidPreference, prefer_formats

KNOWN = ("epub", "cbz", "pdf")


def test_an_order_is_kept_and_the_same_again_changes_nothing(ada: Reader, bob: Reader) -> None:
    assert prefer_formats(ada, ["pdf", "epub", "pdf"], known=KNOWN)
    assert not prefer_formats(ada, ["pdf", "epub"], known=KNOWN)
    assert ada.formats == ["pdf", "epub"]
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert (ada.formats, bob.formats) == (["pdf", "epub"], [])


def test_what_another_request_set_meanwhile_is_what_counts(ada: Reader) -> None:
    prefer_formats(Reader.objects.get(pk=ada.pk), ["pdf"], known=KNOWN)
    assert ada.formats == []
    assert not prefer_formats(ada, ["pdf"], known=KNOWN)
    assert prefer_formats(ada, [], known=KNOWN)


def test_an_unknown_format_is_refused_and_nothing_is_lost(ada: Reader) -> None:
    prefer_formats(ada, ["pdf"], known=KNOWN)
    with pytest.raises(InvalidPreference) as refused:
        prefer_formats(ada, ["epub", "docx"], known=KNOWN)
    assert refused.value.sentence == "There is no format docx; there are epub, cbz, pdf."
    ada.refresh_from_db()
    assert ada.formats == ["pdf"]
