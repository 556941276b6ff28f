"""Text for a terminal."""


def printable(text: str) -> str:
    """On one line and without what a terminal would take for a command: names come from devices and files."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
