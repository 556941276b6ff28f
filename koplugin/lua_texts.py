"""Finds the texts in Lua source that are to be translated: `_("…")`, `N_("…", "…", count)` and their kin."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What each function takes: the names of its texts, in their order. Any further argument is no text.
TAKES = {
    "_": ("text",),
    "N_": ("text", "plural"),
    "C_": ("context", "text"),
    "_.ngettext": ("text", "plural"),
    "_.pgettext": ("context", "text"),
}
NOTE_MARK = "translators:"

TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--(?:\[(?P<comment_level>=*)\[.*?\](?P=comment_level)\]|[^\n]*))
    | (?P<long>\[(?P<level>=*)\[.*?\](?P=level)\])
    | (?P<quoted>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<name>[A-Za-z_]\w*(?:\s*\.(?!\.)\s*[A-Za-z_]\w*)*)
    | (?P<number>0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?)
    | (?P<symbol>\.\.\.|\.\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPED = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\'": "'", "\\\\": "\\"}


@dataclass(frozen=True)
class Text:
    """`notes` is what a comment that begins with "translators:", just above, tells them."""

    line: int
    text: str
    plural: str | None = None
    context: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    written: str
    line: int
    is_name: bool = False
    is_string: bool = False
    notes: tuple[str, ...] = ()

    def said(self) -> str:
        """What a string says."""
        if self.written.startswith("["):
            return re.sub(r"^\[(=*)\[\n?|\](=*)\]$", "", self.written)
        return re.sub(r"\\.", self._unescaped, self.written[1:-1], flags=re.DOTALL)

    def _unescaped(self, escape: re.Match[str]) -> str:
        if escape[0] not in ESCAPED:
            raise ValueError(f"line {self.line}: {escape[0]} in a text; write the character itself")
        return ESCAPED[escape[0]]


def texts_in(source: str) -> Iterator[Text]:
    """Raises ValueError with the line for a text that is put together at run time: none could be its translation."""
    found = list(tokens(source))
    for index, token in enumerate(found[:-1]):
        is_call = token.is_name and token.written in TAKES and (not index or found[index - 1].written != "function")
        if is_call and found[index + 1].is_string:  # _"text"
            arguments: list[str | None] = [found[index + 1].said()]
        elif is_call and found[index + 1].written == "(":
            arguments = [_joined(argument) for argument in call_arguments(found[index + 2 :])]
        else:
            continue
        names = TAKES[token.written]
        given = {name: said for name, said in zip(names, arguments, strict=False) if said}
        if len(given) < len(names):
            raise ValueError(f"line {token.line}: {token.written}() wants its texts as they are, between quotes")
        yield Text(token.line, given["text"], given.get("plural"), given.get("context"), token.notes)


def call_arguments(rest: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each argument of a call; `rest` begins behind its bracket."""
    depth = 0
    argument: list[Token] = []
    for token in rest:
        if depth == 0 and token.written in (",", ")"):
            yield argument
            argument = []
            if token.written == ")":
                return
            continue
        depth += (token.written in ("(", "{", "[")) - (token.written in (")", "}", "]"))
        argument.append(token)


def _joined(argument: Sequence[Token]) -> str | None:
    """What strings with `..` between them say together; None if there is anything else."""
    strings, joints = argument[::2], argument[1::2]
    if len(strings) == len(joints) or not all(token.is_string for token in strings):
        return None
    return "".join(token.said() for token in strings) if all(token.written == ".." for token in joints) else None


def tokens(source: str) -> Iterator[Token]:
    """All of it but blanks and comments; a name goes with those before it, as in `os.time`."""
    line, notes, notes_end = 1, [], 0
    for match in TOKEN.finditer(source):
        written = match[0]
        if match["comment"]:
            said = written.strip("-[]= \n")
            if said.startswith(NOTE_MARK):
                notes, notes_end = [said.removeprefix(NOTE_MARK).strip()], line
            elif notes and notes_end == line - 1:
                notes, notes_end = [*notes, said], line
        elif not match["space"]:
            yield Token(
                re.sub(r"\s", "", written) if match["name"] else written,
                line,
                is_name=bool(match["name"]),
                is_string=bool(match["long"] or match["quoted"]),
                notes=tuple(notes) if notes and line - notes_end <= 1 else (),
            )
        line += written.count("\n")
