"""Which language a text is written in, for files that hold text and do not state it.

Scripts that one language alone uses decide by themselves; among languages in Latin or Cyrillic letters the small words
do, which make up a third of any prose. Where two languages come close the answer is none.
"""

import re
from collections import Counter

ENOUGH_LETTERS = 200
ENOUGH_WORDS = 40
SHARE = 0.12  # of the words that must be small words of a language
LEAD = 1.25  # times as many as of any other

# In the order in which they are asked for: Japanese writes with Chinese characters, too.
SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]"), 0.1),
    ("ko", re.compile(r"[\uac00-\ud7af]"), 0.3),
    ("zh", re.compile(r"[\u4e00-\u9fff]"), 0.3),
    ("el", re.compile(r"[\u0370-\u03ff]"), 0.5),
    ("he", re.compile(r"[\u0590-\u05ff]"), 0.5),
    ("th", re.compile(r"[\u0e00-\u0e7f]"), 0.5),
    ("fa", re.compile(r"[\u067e\u0686\u06af\u06cc]"), 0.05),
    ("ar", re.compile(r"[\u0600-\u06ff]"), 0.5),
)
SMALL_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in a is that it was for on with as he his be at by had not are from this have you which",
        "de": "der die und in den das von zu mit sich des auf für ist im dem nicht ein eine als auch es an er hat aus",
        "fr": "de la le et les des en un une du dans que qui il est pour par sur au pas plus ne se ce avec son sont",
        "es": "de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ha",
        "it": "di che e la il un a per in una non sono con si da come del le dei nel alla più gli ha della è",
        "pt": "de que e o a do da em um para com não uma os no se na por mais as dos como mas ao ele das à",
        "nl": "de van het een en in is dat op te zijn met voor niet aan er die om ook als door hij maar naar uit",
        "sv": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från",
        "da": "og i at det er en til af på den for med som de ikke der et han har var jeg sig men fra blev",
        "nb": "og i det er på som en til av for at med den de ikke har et om var jeg han seg men fra ble",
        "fi": "ja on ei että se oli hän mutta kun ovat myös niin kuin joka tai jos ole sen hänen vain nyt",
        "pl": "w i na z się nie do to że jest o a jak po od za co przez dla są był tak jego tym ale",
        "cs": "a v se na je že to s z do o i ve ale jako za by k jsem po které byl jeho tak aby pro",
        "hu": "a az és hogy nem is egy ez meg de volt mint csak el már van még ha ki mert azt vagy",
        "ro": "de și în la a cu nu pe o că din care un mai este se pentru au fost sa dar ca prin",
        "tr": "ve bir bu da de için ile çok ne daha gibi o kadar olarak ama sonra her mi en olan ki",
        "ru": "и в не на что он с как это по но из у за к я все был так же его от она мы а для",
        "uk": "і в не на що з як це до але він у та й за я від його для ми про є вона чи так по",
    }.items()
}


def language_of_title(title: str) -> str:
    """A language code of two letters where the script alone shows it; a title is too short for anything else."""
    letters = sum(character.isalpha() for character in title)
    for language, script, share in SCRIPTS:
        if language in ("ja", "ko", "el", "he", "th") and len(script.findall(title)) > share * letters:
            return language
    return ""


def language_of(text: str) -> str:
    """A language code of two letters; empty where the text is too short or does not show it."""
    letters = sum(character.isalpha() for character in text)
    if letters < ENOUGH_LETTERS:
        return ""
    for language, script, share in SCRIPTS:
        if len(script.findall(text)) > share * letters:
            return language
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    total = sum(words.values())
    found = sorted(
        ((sum(words[word] for word in small), language) for language, small in SMALL_WORDS.items()), reverse=True
    )
    (most, language), (next_most, _) = found[:2]
    return language if total >= ENOUGH_WORDS and most > SHARE * total and most >= LEAD * next_most else ""
