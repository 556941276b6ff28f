"""What readers set for themselves."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import Reader


class InvalidPreference(Exception):
    """Something that cannot be preferred: a stable `code` and one sentence."""

    code = "invalid_preference"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def prefer_formats(reader: Reader, formats: Sequence[str], *, known: Sequence[str]) -> bool:
    """Keep which file formats this reader prefers, the first most; with none, the library's own order holds again.

    True if that changed anything. `known` are the formats that there are: InvalidPreference, and nothing is changed, if
    one of those preferred is not among them.
    """
    wanted = list(dict.fromkeys(formats))
    if unknown := [format for format in wanted if format not in known]:
        raise InvalidPreference(f"There is no format {unknown[0]}; there are {', '.join(known)}.")
    with transaction.atomic():
        kept = Reader.objects.select_for_update(no_key=True).get(pk=reader.pk)
        is_changed: bool = kept.formats != wanted
        if is_changed:
            kept.formats = wanted
            kept.save(update_fields=["formats"])
    reader.formats = wanted
    return is_changed
