"""Brings the plugin's translations up to date; `make translations` runs it, and it needs Babel.

The Lua sources make the template (`l10n/tomesync.pot`), the template says which texts a language's `.po` file holds,
and the `.po` files make the Lua table that goes into the plugin (`l10n/catalogues.lua`).
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from koplugin.lua_texts import texts_in

HERE = Path(__file__).parent
SOURCES = HERE / "src"
FOLDER = HERE / "l10n"
TEMPLATE = FOLDER / "tomesync.pot"
CATALOGUES = FOLDER / "catalogues.lua"
LANGUAGES = ("de", "fr", "ja")
WIDTH = 120

# What a language's rule for plurals is in Lua, which counts from 1.
FORMS = {"(n != 1)": "count ~= 1 and 2 or 1", "(n > 1)": "count > 1 and 2 or 1", "0": "1"}
# As in gettext's own compiled catalogues; gettext.lua knows it too.
CONTEXT_END = "\x04"
# Times and names in the head would make each run a change.
NOISE = re.compile(
    rb'^"(?:POT-Creation-Date|PO-Revision-Date|Report-Msgid-Bugs-To|Last-Translator|Language-Team|Generated-By):.*\n',
    re.MULTILINE,
)


def template() -> Catalog:
    """All texts of the sources, file by file.

    Raises ValueError with the place of a text that cannot be translated.
    """
    catalog = Catalog(
        project="tomesync", version="1", fuzzy=False, header_comment="# The texts of Tome's KOReader plugin."
    )
    for path in sorted(SOURCES.rglob("*.lua")):
        name = path.relative_to(HERE.parent).as_posix()
        try:
            found = list(texts_in(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{name}, {error}") from error
        for text in found:
            catalog.add(
                (text.text, text.plural) if text.plural else text.text,
                # No lines, or every change above a text would be one here.
                locations=[(name, 0)],
                auto_comments=text.notes,
                context=text.context,
            )
    return catalog


def translation(language: str) -> Catalog:
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language, project="tomesync", version="1", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def brought_up_to_date(language: str, new: Catalog) -> Catalog:
    """The language's catalogue with just the texts of `new`; those that it has keep their translations."""
    catalog = translation(language)
    # A translation that is only probably right would be shown like any other.
    catalog.update(new, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment = new.header_comment
    return catalog


def missing(catalog: Catalog) -> list[Message]:
    return [message for message in _messages(catalog) if not _is_whole(message, catalog)]


def as_po(catalog: Catalog) -> bytes:
    """The file's content, which is the same however often and wherever it is made."""
    for message in catalog:
        # Babel takes "%1 % of" for a format of Python's.
        message.flags -= {"python-format", "python-brace-format"}
    written = io.BytesIO()
    write_po(written, catalog, width=WIDTH, include_lineno=False, ignore_obsolete=True)
    return NOISE.sub(b"", written.getvalue()).rstrip() + b"\n"


def as_lua(catalogs: dict[str, Catalog]) -> bytes:
    """Only texts that are translated: KOReader's own catalogue may know the others."""
    lines = ["-- Made from the .po files by `make translations`.", "return {"]
    for language, catalog in catalogs.items():
        form = FORMS[catalog.plural_expr]
        lines += [f"    {language} = {{", f"        form = function({'count' if 'count' in form else ''})"]
        lines += [f"            return {form}", "        end,", "        texts = {"]
        lines += [f"            {line}" for line in _entries(catalog)]
        lines += ["        },", "    },"]
    return "\n".join([*lines, "}", ""]).encode()


def _entries(catalog: Catalog) -> Iterator[str]:
    for message in _messages(catalog):
        if not _is_whole(message, catalog):
            continue
        text = message.id if isinstance(message.id, str) else message.id[0]
        key = _quoted(message.context + CONTEXT_END + text if message.context else text)
        if isinstance(message.string, str):
            yield f"[{key}] = {_quoted(message.string)},"
        else:
            yield f"[{key}] = {{ {', '.join(map(_quoted, message.string or ()))} }},"


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _is_whole(message: Message, catalog: Catalog) -> bool:
    if message.fuzzy:
        return False
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return all(strings) and len(strings) == (catalog.num_plurals if message.pluralizable else 1)


def _quoted(text: str) -> str:
    """A Lua string on one line, readable in any language."""
    return '"' + "".join(_quoted_character(character) for character in text) + '"'


def _quoted_character(character: str) -> str:
    if character == "\n":
        return "\\n"
    if character in '"\\':
        return "\\" + character
    return character if character >= " " and character != "\x7f" else f"\\{ord(character):03d}"


def main() -> int:
    try:
        new = template()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    catalogs = {language: brought_up_to_date(language, new) for language in LANGUAGES}
    TEMPLATE.write_bytes(as_po(new))
    for language, catalog in catalogs.items():
        (FOLDER / f"{language}.po").write_bytes(as_po(catalog))
        sys.stdout.write(f"{language}: {len(missing(catalog))} of {len(catalog)} texts are not translated\n")
    CATALOGUES.write_bytes(as_lua(catalogs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
