"""How well does one book explain a name? Each word of the name must be its title, its series, its author, or noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matching.covering import FULL, OTHER, SERIES, TITLE, Cover, Covering
from matching.evidence import Candidate
from matching.excusing import Excuses
from matching.keys import start_key, title_lookup, volume_key
from matching.readings import Reading, Residue, Residues
from matching.vocabulary import COMIC_FORMATS, GENRES, SUBTITLE_STARTS, UNFINISHED, VOLUME_MARKERS
from matching.works import Words, Work, is_short


@dataclass(frozen=True, slots=True)
class Fit:
    """What a name says of one book. `accepted` where it can be no other; else what speaks against it."""

    candidate: Candidate
    accepted: bool
    method: str = ""
    against: str = ""  # one of REASONS
    key: str = ""  # under which a rival would be stored as well
    author: int = 0
    states_volume: bool = False
    year_agrees: bool = False
    explained: int = 0  # words of the name that are title or series
    by_document: bool = False  # the document's own title says that it is this book
    despite_document: bool = False  # that title says something else, but the author is this book's

    @property
    def rank(self) -> tuple[int, ...]:
        """Of two books that fit, the one that ranks higher is meant."""
        return (
            METHODS[self.method] if self.method else 0,
            self.author == FULL,
            self.year_agrees,
        )


METHODS = {"title": 3, "series_volume": 3, "title_start": 1, "subtitle": 2, "main_title": 1}

# What speaks against a book, with the sentence for the reader where the book is offered all the same.
REASONS = {
    "volume": "",
    "words": "",
    "part": "",
    "absent": "",
    "no_volume": "The name is that of the series, but does not say which volume it is.",
    "edition": "The title is the same, but the file's name speaks of another edition.",
    "omnibus": "The file's name speaks of a collection, of which this book may be a part.",
    "chapter": "The file's name speaks of a chapter, which may be from this book.",
    "run": "The name fits, but speaks of another year than this series' first.",
    "issue": "The number fits, but may be that of a chapter or of a single issue.",
    "form": "The name fits, but speaks of another form of the work.",
    "more_words": "The title is in the file's name, but so are words that nothing explains.",
    "start": "The file's name is the beginning of this title.",
    "main": "The file's name is the main part of this title.",
    "author": "The title is the same, but the authors are others.",
}
ORDER = tuple(REASONS)


class Fitting:
    """One name against one book."""

    def __init__(
        self,
        reading: Reading,
        candidate: Candidate,
        work: Work,
        *,
        volumes: Sequence[float] = (),
        people: Sequence[Words] = (),
        titles: frozenset[Words] = frozenset(),
    ) -> None:
        self.reading, self.candidate, self.work = reading, candidate, work
        self.volumes = volumes  # stated elsewhere: in the folder or by the document
        self.people = people  # the document's own authors, where they are this book's or the book has none
        self.titles = titles  # of other books that could be meant
        self.texts = reading.texts
        self.covering = Covering(reading, work, people)

    def best(self) -> Fit:
        """The best that can be said; never raises, never guesses."""
        rejected: list[Fit] = []
        for cover in self.covering.covers():
            fit = self.judged(cover)
            if fit.accepted:
                return fit
            rejected.append(fit)
        if not rejected:
            return Fit(self.candidate, False, against="absent")
        return max(rejected, key=lambda fit: ORDER.index(fit.against))

    def judged(self, cover: Cover) -> Fit:
        residue = Residues(self.reading, cover.covered).read()
        author = self.covering.author_level(cover)
        Excuses(
            self.reading,
            self.work,
            cover,
            residue,
            author=author,
            year=self.candidate.year,
            people=self.people,
            titles=self.titles,
        ).excuse()
        fit = Fit(
            self.candidate,
            False,
            author=author,
            explained=sum(mark in (TITLE, SERIES) for mark in cover.covered),
        )
        return self.decided(cover, residue, fit)

    def decided(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        work = self.work
        stated = self.stated_volumes(residue)
        numbers = [number for number, _place in residue.bare]
        if work.volume is None:
            if cover.role == "bare" and work.bare_number and stated == {work.bare_number[1]}:
                stated = set()
            if stated or numbers:
                return replace(fit, against="volume")
        elif any(number != work.volume for number in (*stated, *numbers)):
            return replace(fit, against="volume")
        states_volume = bool(stated or numbers)
        if residue.part or (residue.leftover and not self.is_subtitle(cover, residue, fit)):
            return replace(fit, against=self.leftover_reason(cover, residue))
        if residue.chapter or residue.editions:
            by_title = cover.role in ("title", "pieces")
            named = work.volume == 1 and cover.role == "title"
            sure = states_volume or (by_title and (work.volume is None or named or not work.is_series_title))
            flag = "chapter" if residue.chapter else "edition"
            return replace(fit, against=flag if sure else "words")
        if residue.omnibuses:
            return replace(fit, against="omnibus")
        if residue.ranges:
            within = work.volume is not None and any(low <= work.volume <= high for low, high in residue.ranges)
            return replace(fit, against="omnibus" if within else "volume")
        if self.is_of_other_form(residue):
            return replace(fit, against="form")
        if not self.run_fits(residue):
            return replace(fit, against="run")
        fit = replace(
            fit,
            states_volume=states_volume,
            year_agrees=self.year_agrees(residue),
            key=self.key_of(cover, states_volume=states_volume),
        )
        return self.by_role(cover, residue, fit)

    def by_role(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        work = self.work
        if residue.copies and not self.are_copies(cover, residue, fit):
            return replace(fit, against="no_volume")
        if self.could_be_issue(residue):
            return replace(fit, against="issue")
        if fit.states_volume and work.volume is not None:
            method = "series_volume" if cover.role in ("series", "main", "bare") else "title"
            # A part of a title with its volume is enough, but a cut title with it is not more than a cut title.
            return self.by_start(cover, fit) if cover.role == "start" else replace(fit, accepted=True, method=method)
        if cover.role == "title":
            if not work.in_series or not work.is_series_title or work.volume == 1 or work.states_volume:
                return replace(fit, accepted=True, method="subtitle" if residue.leftover else "title")
            return replace(fit, against="no_volume")
        if cover.role == "pieces":
            if work.states_volume and (len(work.pieces) < 2 or work.is_series_title):
                return replace(fit, against="no_volume")
            return replace(fit, accepted=True, method="subtitle" if residue.leftover else "title")
        if cover.role == "proper":
            if sum(map(len, work.pieces[1:])) < 2 and not fit.author:
                return replace(fit, against="main")
            return replace(fit, accepted=True, method="title" if not residue.leftover else "subtitle")
        if cover.role == "main":
            return self.by_main(cover, residue, fit)
        if cover.role == "bare":
            stated = work.bare_number and self.stated_volumes(residue) == {work.bare_number[1]}
            return replace(fit, accepted=True, method="title") if stated else replace(fit, against="no_volume")
        if cover.role == "start":
            return self.by_start(cover, fit)
        return replace(fit, against="no_volume")

    def by_main(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        """The main title alone: enough where the subtitle only describes it, or the author is named."""
        subtitle = self.work.pieces[1]
        first = self.work.title[len(self.work.pieces[0]) :][:1]
        describes = first in (("a",), ("an",), ("or",), ("oder",), ("ou",), ("ein",), ("eine",), ("un",), ("une",))
        if residue.leftover or self.work.states_volume or is_short(self.work.pieces[0]):
            return replace(fit, against="main")
        if describes or (fit.author == FULL and len(subtitle) > 2 and not self.work.in_series):
            return replace(fit, accepted=True, method="main_title")
        return replace(fit, against="main")

    def by_start(self, cover: Cover, fit: Fit) -> Fit:
        """A cut title: surely cut, or ending where no title ends, or so much of it that little can follow."""
        title, length = self.work.title, cover.last - cover.first
        rest = title[length:] or ("",)
        ends_there = length in self.work.breaks or rest[0] in VOLUME_MARKERS or rest[0] == "and"
        if (ends_there or rest[0].replace(".", "").isdigit()) and not self.reading.is_cut:
            return replace(fit, against="start")
        stated = len(" ".join(title[:length]))
        whole = len(" ".join(title))
        if self.reading.is_cut or self.texts[cover.last - 1] in UNFINISHED or stated >= 0.6 * whole:
            return replace(fit, accepted=True, method="title_start")
        return replace(fit, against="start")

    def stated_volumes(self, residue: Residue) -> set[float]:
        return {volume for volume, _place in residue.explicit} | set(self.volumes)

    def are_copies(self, cover: Cover, residue: Residue, fit: Fit) -> bool:
        """Is a "(2)" at the end what a file manager adds? Not where it could be the volume."""
        if fit.states_volume or not self.work.is_series_title or self.work.volume is None:
            return cover.role != "series"
        return residue.copies == [self.work.volume] == [1]

    def could_be_issue(self, residue: Residue) -> bool:
        """`Saga 001.cbz` is an issue, or a chapter, and no collected volume."""
        if self.reading.suffix not in COMIC_FORMATS or not self.work.with_marker or residue.explicit:
            return False
        padded = [
            self.reading.tokens[place]
            for _number, place in residue.bare
            if len(self.reading.tokens[place].raw) >= 3 and self.reading.tokens[place].raw.startswith("0")
        ]
        return bool(padded)

    def is_of_other_form(self, residue: Residue) -> bool:
        """Does the name say that it is the manga, or the novel, where that is not known of the book?

        Most novels are on record without a word about it, and who writes "light novel" means what is called so.
        """
        if not residue.form or residue.form == self.work.form:
            return False
        return bool(self.work.form) or residue.form == "manga" or self.reading.suffix in COMIC_FORMATS

    def run_fits(self, residue: Residue) -> bool:
        run, years = self.work.run_year, [year for year, _place in residue.years]
        if run is None or not years:
            return True
        return run in years or self.candidate.year in years

    def year_agrees(self, residue: Residue) -> bool:
        years = [year for year, _place in residue.years]
        return self.work.run_year in years or self.candidate.year in years

    def is_subtitle(self, cover: Cover, residue: Residue, fit: Fit) -> bool:
        """Words behind a whole title that can only be its subtitle, since nothing else of that name is known."""
        work, left, tokens = self.work, residue.leftover, self.reading.tokens
        if cover.role not in ("title", "pieces") or work.in_series or work.series or work.is_short:
            return False
        if any(tokens[place].bracket for place in left) or residue.noise & set(range(cover.last, left[-1])):
            return False
        start = cover.last
        while start < len(tokens) and cover.covered[start] == OTHER:
            start += 1
        if left[0] not in (cover.last, start):
            return False
        behind = [place for place in range(cover.last, left[-1] + 1) if not cover.covered[place]]
        if behind != left:
            return False
        first = self.texts[cover.last]
        if first in ("or", "oder", "ou"):
            return True
        if first not in SUBTITLE_STARTS:
            return False
        describes = first in ("a", "an")
        if describes and self.texts[left[-1]] in GENRES:
            return True
        if fit.author == FULL:
            return len(left) >= (4 if describes else 5)  # shorter ones are titles of their own
        return len(work.title) >= 2 and len(left) >= 6

    def leftover_reason(self, cover: Cover, residue: Residue) -> str:
        if residue.part or cover.role not in ("title", "pieces"):
            return "words"
        return "more_words" if 1 < len(self.work.title) >= len(residue.leftover) else "words"

    def key_of(self, cover: Cover, *, states_volume: bool) -> str:
        """The key that another book that explains the name as this one does would have too."""
        work = self.work
        if cover.role == "series" and work.volume is not None:
            return volume_key(work.series[0], work.volume)
        if states_volume and work.volume is not None and cover.role in ("title", "pieces", "main") and work.pieces:
            return volume_key(work.pieces[0], work.volume)
        if cover.role == "start":
            return start_key(" ".join(work.title))
        if cover.role in ("main", "bare", "proper") and work.pieces:
            return title_lookup(work.pieces[1] if cover.role == "proper" else work.pieces[0])
        return title_lookup(work.title)
