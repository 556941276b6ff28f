"""Opening ZIP archives that may be hostile: every read is bounded, and a name inside is never a path."""

import errno
import lzma
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from library.errors import Encrypted, NotAnEbook

ENTRIES_LIMIT = 50_000  # a large web comic has some thousand pages
# Text shrinks to a tenth, at best to a thirtieth. What shrinks further and is large was made to fill a disk.
RATIO_LIMIT = 200
SMALL_BYTES = 64 * 1024 * 1024
ENCRYPTED_FLAG, UTF8_FLAG = 0x1, 0x800
FORBIDDEN = frozenset('\\:*?"<>|')  # on the one system or the other, and in an EPUB
# What an archive that is cut, changed or written by another program's rules brings zipfile to.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, UnicodeError, OSError)
NO_DISK_FAULTS = (None, errno.EINVAL)  # data that an unpacker takes for damaged, and a place before the file's start


class TooLong(NotAnEbook):
    """An entry unpacks to more than whoever reads it wants."""


class Archive:
    """A ZIP archive whose directory was found plausible. Reads are bounded by what really unpacks, not by its word."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        self.names = frozenset(names)
        self.has_twins = len({name.casefold() for name in names}) != len(names)

    def read(self, name: str, limit: int) -> bytes:
        """An entry's bytes; NotAnEbook if it is missing, damaged, encrypted or longer than `limit`."""
        name = name if name in self.names else posixpath.normpath(name)
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            raise NotAnEbook(f"This file is incomplete: it lacks {shown(name)}.") from None
        if entry.flag_bits & ENCRYPTED_FLAG:
            raise Encrypted("This file is protected with a password.")
        try:
            with self._archive.open(entry) as file:
                # In small steps: one read of the whole would unpack first and compare with the stated size later.
                content = bytearray()
                while chunk := file.read(65536):
                    content += chunk
                    if len(content) > limit:
                        raise TooLong(f"This file cannot be used: {shown(name)} in it is unreasonably large.")
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno not in NO_DISK_FAULTS:
                raise
            raise NotAnEbook(f"This file is damaged: {shown(name)} in it cannot be unpacked.") from error
        return bytes(content)

    @property
    def odd_names(self) -> list[str]:
        """Names that would lead out of a folder, that some systems cannot have, or whose characters are a guess."""
        listed = self._archive.infolist()
        guessed = [each.filename for each in listed if not each.flag_bits & UTF8_FLAG and not each.filename.isascii()]
        return [*(name for name in self.names if leads_out(name) or not FORBIDDEN.isdisjoint(name)), *guessed]

    def start_of(self, name: str, length: int = 64) -> bytes:
        """The first bytes of an entry; none where it cannot be read."""
        try:
            with self._archive.open(name) as file:
                return file.read(length)
        except (KeyError, RuntimeError, *DAMAGE):
            return b""


def leads_out(name: str) -> bool:
    """Would this name, taken for a path, lead out of its folder?"""
    name = name.replace("\\", "/")
    return name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/")


def shown(name: str) -> str:
    """An entry's name for a sentence: printable and short."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 80 else printable[:79] + "…"


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Open a ZIP archive for reading; NotAnEbook if it is none, or was made to do harm."""
    with open(path, "rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise NotAnEbook("This file is damaged or incomplete: it is not a readable ZIP archive.") from error
        with archive:
            entries = archive.infolist()
            refuse_bombs(entries, os.fstat(file.fileno()).st_size)
            yield Archive(archive)


def refuse_bombs(entries: list[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > ENTRIES_LIMIT:
        raise NotAnEbook("This file cannot be used: it claims to hold unreasonably many files.")
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    largest = max((entry for entry in entries), key=lambda entry: entry.file_size, default=None)
    if packed > size:
        raise NotAnEbook("This file cannot be used: the entries of its archive overlap.")
    if unpacked > SMALL_BYTES and unpacked > RATIO_LIMIT * packed:
        raise NotAnEbook("This file cannot be used: it would unpack to an unreasonable size.")
    if largest and largest.file_size > SMALL_BYTES and largest.file_size > RATIO_LIMIT * largest.compress_size:
        raise NotAnEbook(f"This file cannot be used: {shown(largest.filename)} in it would unpack unreasonably large.")
