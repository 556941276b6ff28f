"""The plugin's texts in other languages, as the Lua module that the packer puts beside the others."""

from importlib import resources

CATALOGUES = resources.files("koplugin") / "l10n" / "catalogues.lua"


def catalogues_source() -> str:
    """The source of the module `tomesync/catalogues`; `make translations` has made it from the .po files."""
    return CATALOGUES.read_text(encoding="utf-8")
