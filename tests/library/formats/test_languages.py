import pytest

from library.formats.languages import language_of, language_of_title

TEXTS = {
    "en": "It was a bright day and the children were on their way to the school that stood at the end of the street.",
    "de": "Es war ein heller Tag und die Kinder waren auf dem Weg zu der Schule, die am Ende der Straße stand.",
    "fr": "C'était une belle journée et les enfants étaient sur le chemin de l'école qui est au bout de la rue.",
    "es": "Era un día claro y los niños iban por el camino de la escuela que estaba al final de la calle.",
    "it": "Era una bella giornata e i bambini erano sulla strada della scuola che si trovava alla fine della via.",
    "nl": "Het was een mooie dag en de kinderen waren op weg naar de school die aan het einde van de straat stond.",
    "sv": "Det var en ljus dag och barnen var på väg till skolan som låg i slutet av gatan, inte långt bort.",
    "pl": "To był jasny dzień i dzieci szły do szkoły, która stała na końcu ulicy, a nie było to tak daleko od domu.",
    "ru": "Был ясный день, и дети шли в школу, которая стояла в конце улицы, и это было не так далеко от дома.",
    "ja": "明るい日だった。子供たちは通りの終わりにある学校へ向かっていた。それは家からそれほど遠くなかった。",
    "zh": "那是一个晴朗的日子，孩子们正走在去学校的路上，学校就在街道的尽头，离家不远。",
    "ko": "맑은 날이었고 아이들은 길 끝에 있는 학교로 가고 있었다. 집에서 그리 멀지 않았다.",
    "el": "Ήταν μια φωτεινή μέρα και τα παιδιά πήγαιναν στο σχολείο που βρισκόταν στο τέλος του δρόμου.",
    "ar": "كان يوما مشرقا وكان الأطفال في طريقهم إلى المدرسة التي تقع في نهاية الشارع.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_page_of_prose_shows_its_language(language: str) -> None:
    assert language_of(TEXTS[language] * 8) == language


@pytest.mark.parametrize(
    "text",
    ["", "A short line.", "0x3f 12 " * 500, "lorem ipsum dolor sit amet consectetur adipiscing elit " * 50],
)
def test_what_shows_no_language_is_of_none(text: str) -> None:
    assert language_of(text) == ""


@pytest.mark.parametrize(
    ("title", "language"),
    [
        ("ハルコさんの彼氏", "ja"),
        ("Debian メンテナー用ガイド", "ja"),
        ("달빛 조각사", "ko"),
        ("三体", ""),  # Chinese or Japanese
        ("Dune", ""),
        ("Programming in Rust, with one の", ""),
        ("", ""),
    ],
)
def test_a_title_shows_its_language_by_its_script_alone(title: str, language: str) -> None:
    assert language_of_title(title) == language
