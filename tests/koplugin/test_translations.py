"""The plugin's texts: found in its Lua, translated as a whole, and shown in KOReader's language."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from lupa.luajit21 import LuaRuntime

from koplugin import translating
from koplugin.lua_texts import Text, texts_in
from koplugin.packer import build_plugin
from koplugin.translations import catalogues_source
from tests.koplugin.koreader import KOReader

PLACEHOLDER = re.compile(r"%\d")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return translating.template()


# What is in the sources


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('_("Read on")', Text(1, "Read on")),
        ("_('It says \"no\"')", Text(1, 'It says "no"')),
        (r'_("One\nand \"two\" \\ 3")', Text(1, 'One\nand "two" \\ 3')),
        ("_[[Read on]]", Text(1, "Read on")),
        ("_([==[\nA [[long]] text\n]==])", Text(1, "A [[long]] text\n")),
        ('_"Read on"', Text(1, "Read on")),
        ('_("Read " ..\n    "on" .. [[ and on]])', Text(1, "Read on and on")),
        ('T(N_("1 book", "%1 books", #list), #list)', Text(1, "1 book", plural="%1 books")),
        ('_.ngettext("1 book", "%1 books", count(f(x), y))', Text(1, "1 book", plural="%1 books")),
        ('C_("of a book", "Open")', Text(1, "Open", context="of a book")),
        ('_.pgettext("of a book", "Open")', Text(1, "Open", context="of a book")),
        ('-- translators: on a button\nlocal text = _("Open")', Text(2, "Open", notes=("on a button",))),
        (
            '-- translators: on a button,\n-- so keep it short\n_("Open")',
            Text(3, "Open", notes=("on a button,", "so keep it short")),
        ),
        ('-- translators: on a button\n\n\n_("Open")', Text(4, "Open")),
        ('-- not for them\n_("Open")', Text(2, "Open")),
        ('local x = "it\'s" --[[ a\n comment ]] _("Open")', Text(2, "Open")),
    ],
)
def test_a_text_is_found_however_it_is_written(source: str, found: Text) -> None:
    assert list(texts_in(source)) == [found]


@pytest.mark.parametrize(
    "source",
    [
        '-- _("Open")',
        '--[[\n_("Open")\n]]',
        "return '_(\"Open\")'",
        "for _, entry in ipairs(list) do end",
        "local function _(text) return text end",
        'T("Open"); self.__("Open"); f_("Open")',
        "local N_ = _.ngettext",
    ],
)
def test_nothing_else_is_taken_for_a_text(source: str) -> None:
    assert list(texts_in(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "\n_(text)",
        '\n_("Hello " .. name)',
        "\n_(T('Open'))",
        '\nN_("1 book", many, 3)',
        "\n_()",
        r"""
_("\226\128\166")""",
    ],
)
def test_a_text_that_cannot_be_translated_is_refused_with_its_line(source: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(texts_in(source))


# The files


def test_the_template_is_up_to_date(template: Catalog) -> None:
    assert translating.as_po(template) == translating.TEMPLATE.read_bytes(), "`make translations` makes it"


@pytest.mark.parametrize("language", translating.LANGUAGES)
def test_a_languages_file_has_just_the_texts_of_the_template(language: str, template: Catalog) -> None:
    made = translating.as_po(translating.brought_up_to_date(language, template))
    assert made == (translating.FOLDER / f"{language}.po").read_bytes(), "`make translations` makes it"


def test_the_lua_is_made_from_the_files() -> None:
    made = translating.as_lua({name: translating.translation(name) for name in translating.LANGUAGES})
    assert made.decode() == catalogues_source(), "`make translations` makes it"


@pytest.mark.parametrize("language", translating.LANGUAGES)
def test_every_text_is_translated_in_every_form(language: str) -> None:
    catalog = translating.translation(language)
    assert catalog.num_plurals == {"de": 2, "fr": 2, "ja": 1}[language]
    assert [message.id for message in translating.missing(catalog)] == []


@pytest.mark.parametrize("language", translating.LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    assert [
        wrong for message in translating.translation(language) if message.id for wrong in wrong_forms(message)
    ] == []


def test_a_form_that_is_not_for_one_alone_names_the_number() -> None:
    # In French that for one is also that for none.
    forms = [(message.id[1], message.string[0]) for message in translating.translation("fr") if message.pluralizable]
    assert forms
    assert [form for text, form in forms if placeholders(form) != placeholders(text)] == []


def wrong_forms(message: Message) -> list[tuple[Any, str]]:
    """Translations that leave out what is to be filled in, or fill in what is not there.

    A form for one thing alone may name the number as a word, as the English singular does.
    """
    texts = [message.id] if isinstance(message.id, str) else list(message.id)
    allowed = [placeholders(text) for text in texts]
    forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
    wrong = [(message.id, form) for form in forms if placeholders(form) not in allowed]
    # The last form is for many, whatever the language.
    return wrong + [(message.id, form) for form in forms[-1:] if placeholders(form) != allowed[-1]]


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


@pytest.mark.parametrize(
    ("text", "translated", "is_right"),
    [
        ("%1 of %2", "%2: %1", True),
        ("%1 of %2", "%1", False),
        ("Open", "%1", False),
        (("1 book", "%1 books"), ("1 Buch", "%1 Bücher"), True),
        (("1 book", "%1 books"), ("%1冊の本",), True),
        (("1 book", "%1 books"), ("%1 Buch", "Bücher"), False),
    ],
)
def test_a_forgotten_placeholder_is_found(text: Any, translated: Any, is_right: bool) -> None:
    assert (wrong_forms(Message(text, translated)) == []) == is_right


def test_a_translation_is_kept_and_a_dropped_text_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translating, "FOLDER", tmp_path)
    first = Catalog()
    first.add("Open")
    first.add("Close")
    catalog = translating.brought_up_to_date("de", first)
    catalog["Open"].string, catalog["Close"].string = "Öffnen", "Schließen"
    (tmp_path / "de.po").write_bytes(translating.as_po(catalog))
    second = Catalog()
    second.add("Close now")
    second.add("Open")
    again = translating.brought_up_to_date("de", second)
    assert {message.id: message.string or "" for message in again if message.id} == {"Close now": "", "Open": "Öffnen"}
    assert b"Close" not in translating.as_po(again).replace(b"Close now", b"")
    assert [message.id for message in translating.missing(again)] == ["Close now"]


def test_any_text_arrives_in_lua_as_it_is() -> None:
    catalog = Catalog(locale="de")
    texts = {'a "b" \\ c': "1\n2\t3", "]] --[[": 'Ü "é" 😀\r\x7f', "%1 % of %2": "%2 % von %1", "[[": "]]\\"}
    for text, translated in texts.items():
        catalog.add(text, translated)
    lua = LuaRuntime().execute(translating.as_lua({"de": catalog}).decode())
    assert dict(lua["de"]["texts"]) == texts


# What KOReader shows


@pytest.mark.parametrize(
    ("language", "shown"),
    [("de", "Verbindung testen"), ("fr_FR", "Tester la connexion"), ("ja", "接続テスト"), ("C", "Test connection")],
)
def test_the_built_plugins_menu_is_in_koreaders_language(tmp_path: Path, language: str, shown: str) -> None:
    (tmp_path / "settings.reader.lua").write_text(f'return {{ ["language"] = "{language}" }}')
    packed = build_plugin(server_url="http://127.0.0.1:9", api_key="tk_1", username="ada")
    assert shown in KOReader(packed, tmp_path).menu


KOREADER = """
local catalogues, language, current_language = ...
package.loaded["tomesync/gettext"] = nil
package.loaded["tomesync/catalogues"] = catalogues
package.loaded["gettext"] = setmetatable({
    current_lang = current_language,
    ngettext = function(singular, plural, count) return "KOReader: " .. (count == 1 and singular or plural) end,
    pgettext = function(context, text) return "KOReader: " .. context .. ": " .. text end,
}, { __call = function(_, text) return "KOReader: " .. text end })
G_reader_settings = { readSetting = function(_, name) return name == "language" and language or nil end }
"""

TEXTS = {
    "de": {"Open": "Öffnen", ("1 book", "%1 books"): ("1 Buch", "%1 Bücher")},
    "fr": {"Open": "Ouvrir", ("1 book", "%1 books"): ("%1 livre", "%1 livres")},
    "ja": {"Open": "開く", ("1 book", "%1 books"): ("%1冊",)},
}


def gettext_in(language: str | None, current_language: str | None = "C") -> Any:
    """`tomesync/gettext` as a KOReader in that language loads it, with the catalogues of TEXTS."""
    catalogs = {}
    for name, texts in TEXTS.items():
        catalogs[name] = Catalog(locale=name)
        for text, translated in texts.items():
            catalogs[name].add(text, translated)
        catalogs[name].add("Open", f"{name}: of a book", context="of a book")
    lua = LuaRuntime()
    lua.execute(KOREADER, lua.execute(translating.as_lua(catalogs).decode()), language, current_language)
    return lua.execute((resources.files("koplugin") / "src" / "tomesync" / "gettext.lua").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("de", "Öffnen"),
        ("de_DE", "Öffnen"),
        ("de_AT.utf8", "Öffnen"),
        ("fr", "Ouvrir"),
        ("fr_FR:fr", "Ouvrir"),
        ("ja", "開く"),
        ("ja_JP", "開く"),
        ("pt_BR", "KOReader: Open"),
        ("C", "KOReader: Open"),
        ("en_GB", "KOReader: Open"),
        ("", "KOReader: Open"),
        (None, "KOReader: Open"),
    ],
)
def test_the_language_is_that_of_koreader(language: str | None, shown: str) -> None:
    assert gettext_in(language)("Open") == shown


def test_without_a_chosen_language_it_is_that_of_the_environment() -> None:
    assert gettext_in(None, "fr")("Open") == "Ouvrir"
    assert gettext_in("de", "fr")("Open") == "Öffnen"
    assert gettext_in(None, None)("Open") == "KOReader: Open"


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("de", ["%1 Bücher", "1 Buch", "%1 Bücher"]),
        ("fr", ["%1 livre", "%1 livre", "%1 livres"]),
        ("ja", ["%1冊", "%1冊", "%1冊"]),
        ("it", ["KOReader: %1 books", "KOReader: 1 book", "KOReader: %1 books"]),
    ],
)
def test_each_language_counts_in_its_own_way(language: str, shown: list[str]) -> None:
    ngettext = gettext_in(language)["ngettext"]
    assert [ngettext("1 book", "%1 books", count) for count in (0, 1, 2)] == shown


def test_a_text_of_which_the_catalogue_knows_nothing_is_left_to_koreader() -> None:
    gettext = gettext_in("de")
    assert gettext("Close") == "KOReader: Close"
    assert gettext["ngettext"]("1 page", "%1 pages", 1) == "KOReader: 1 page"
    assert gettext["pgettext"]("of a door", "Open") == "KOReader: of a door: Open"


def test_a_text_of_its_own_context_has_its_own_translation() -> None:
    gettext = gettext_in("de")
    assert gettext["pgettext"]("of a book", "Open") == "de: of a book"
    assert gettext("Open") == "Öffnen"


def test_a_singular_that_stands_alone_somewhere_is_translated_too() -> None:
    assert gettext_in("de")("1 book") == "1 Buch"
