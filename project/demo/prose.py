"""Plain sentences for the demo's books, put together from words of our own: nobody's text is copied."""

from random import Random

CHAPTERS = 8
PARAGRAPHS = 9
SENTENCES = 5

# By language: who, what they do, where, and when, in the order of a sentence.
WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("The old captain", "Her sister", "The postman", "A quiet stranger", "The teacher", "Nobody in the village"),
        ("waited", "told the story once more", "looked for the key", "laughed", "wrote a long letter", "said nothing"),
        ("by the harbour", "in the garden", "under the lamp", "at the end of the lane", "on the stairs"),
        ("until the rain stopped", "that evening", "before breakfast", "as every year", "while the clock struck nine"),
    ),
    "de": (
        ("Der alte Kapitän", "Ihre Schwester", "Der Briefträger", "Ein stiller Fremder", "Die Lehrerin"),
        ("wartete", "erzählte die Geschichte noch einmal", "suchte den Schlüssel", "lachte", "schrieb einen Brief"),
        ("am Hafen", "im Garten", "unter der Lampe", "am Ende der Gasse", "auf der Treppe"),
        ("bis zum Abend", "vor dem Frühstück", "wie jedes Jahr", "beim ersten Schnee", "ohne ein Wort"),
    ),
    "fr": (
        ("Le vieux capitaine", "Sa sœur", "Le facteur", "Un étranger silencieux", "La maîtresse d'école"),
        ("attendait", "racontait encore son histoire", "cherchait la clef", "riait", "écrivait une longue lettre"),
        ("au port", "dans le jardin", "sous la lampe", "au bout de la ruelle", "dans l'escalier"),
        ("jusqu'au soir", "avant le déjeuner", "comme chaque année", "sans un mot", "pendant la pluie"),
    ),
}
CHAPTER = {"en": "Chapter", "de": "Kapitel", "fr": "Chapitre"}


def chapter_title(language: str, number: int) -> str:
    return f"{CHAPTER[language]} {number}"


def paragraphs(chance: Random, language: str) -> list[str]:
    """The paragraphs of one chapter."""
    return [" ".join(_sentence(chance, language) for _ in range(SENTENCES)) for _ in range(PARAGRAPHS)]


def _sentence(chance: Random, language: str) -> str:
    return " ".join(chance.choice(words) for words in WORDS[language]) + "."
