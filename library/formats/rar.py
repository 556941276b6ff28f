"""Opening RAR archives that may be hostile, by way of UnRAR. A name inside is never a path, every read is bounded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from unrar.cffi import unrarlib
from unrar.cffi.unrarlib import ffi

from library.errors import Encrypted, NotAnEbook
from library.formats.archives import ENTRIES_LIMIT, RATIO_LIMIT, SMALL_BYTES, shown

# Of UnRAR's dll.hpp.
LIST, UNPACK = unrarlib.C_RAR_OM_LIST_INCSPLIT, unrarlib.C_RAR_OM_EXTRACT
ARCHIVE_IS_VOLUME = 0x01
ENTRY_IS_ENCRYPTED, ENTRY_IS_FOLDER = 0x04, 0x20
SUCCESS, END_OF_ARCHIVE, NO_MEMORY, MISSING_PASSWORD, BAD_PASSWORD = 0, 10, 11, 22, 24
GO_ON, STOP = 1, -1
# What unpacking reserves beforehand. WinRAR takes 32 MB at most unless told otherwise.
DICTIONARY_LIMIT_KB = 64 * 1024


class RarArchive:
    """The entries of a RAR archive; `names` in their order, without folders and links."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sizes: dict[str, int] = {}
        packed, unpacked, dictionary, count = 0, 0, 0, 0
        with opened(file, LIST) as handle:
            for entry in entries(handle):
                count += 1
                if count > ENTRIES_LIMIT:
                    raise NotAnEbook("This file cannot be used: it claims to hold unreasonably many files.")
                if entry.Flags & ENTRY_IS_ENCRYPTED:
                    raise Encrypted("This file is protected with a password.")
                size = entry.UnpSize + (entry.UnpSizeHigh << 32)
                packed += entry.PackSize + (entry.PackSizeHigh << 32)
                unpacked += size
                dictionary = max(dictionary, entry.DictSize)
                if not (entry.Flags & ENTRY_IS_FOLDER or entry.RedirType):
                    self._sizes.setdefault(name_of(entry), size)
                process(handle, unrarlib.C_RAR_SKIP)
        # UnRAR unpacks no more of an entry than is stated, so that what is stated can be relied on.
        if unpacked > SMALL_BYTES and unpacked > RATIO_LIMIT * packed:
            raise NotAnEbook("This file cannot be used: it would unpack to an unreasonable size.")
        self._needs_much_memory = dictionary > DICTIONARY_LIMIT_KB
        self.names = tuple(self._sizes)

    def read(self, name: str, limit: int) -> bytes:
        """An entry's bytes; NotAnEbook if it is missing, damaged or longer than `limit`.

        In a solid archive all that lies before it is unpacked, too.
        """
        if self._sizes.get(name, 0) > limit:
            raise NotAnEbook(f"This file cannot be used: {shown(name)} in it is unreasonably large.")
        if self._needs_much_memory:
            raise NotAnEbook("This file cannot be unpacked here: it was packed in a way that takes too much memory.")
        with opened(self._file, UNPACK) as handle:
            for entry in entries(handle):
                if name_of(entry) == name:
                    return unpacked_entry(handle, limit)
                process(handle, unrarlib.C_RAR_SKIP)
        raise NotAnEbook(f"This file is incomplete: it lacks {shown(name)}.")


@contextmanager
def open_rar(path: str | os.PathLike[str]) -> Iterator[RarArchive]:
    """Open a RAR archive for reading; NotAnEbook if it is none, or was made to do harm."""
    with open(path, "rb") as file:
        yield RarArchive(file)


@contextmanager
def opened(file: BinaryIO, mode: int) -> Iterator[Any]:
    """A handle of UnRAR's on this file.

    It takes a path only, and looks for further volumes beside it. By its descriptor the file is found whatever
    characters its path has, and there is nothing beside it.
    """
    archive = unrarlib.RAROpenArchiveDataEx(f"/dev/fd/{file.fileno()}", mode)
    handle = unrarlib.RAROpenArchiveEx(archive.value)
    if handle == ffi.NULL:
        refuse_failure(archive.value.OpenResult)
    try:
        refuse_failure(archive.value.OpenResult)
        if archive.value.Flags & ARCHIVE_IS_VOLUME:
            raise NotAnEbook("This file is one part of an archive that was split.")
        with answering(handle, lambda *_: STOP):
            yield handle
    finally:
        unrarlib.RARCloseArchive(handle)


@contextmanager
def answering(handle: Any, answer: Any) -> Iterator[None]:
    """Have UnRAR's questions answered: for passwords, for volumes, what to do with unpacked bytes."""
    kept = ffi.new_handle(answer)  # lives as long as this block
    unrarlib.RARSetCallbackPtr(handle, unrarlib.PyUNRARCALLBACKStub, kept)
    try:
        yield
    finally:
        unrarlib.RARSetCallbackPtr(handle, ffi.NULL, ffi.NULL)
        del kept


def entries(handle: Any) -> Iterator[Any]:
    """The header of each entry, which must be processed before the next is asked for."""
    while True:
        header = unrarlib.RARHeaderDataEx()
        result = unrarlib.RARReadHeaderEx(handle, header)
        if result == END_OF_ARCHIVE:
            return
        refuse_failure(result)
        yield header


def process(handle: Any, operation: int) -> None:
    refuse_failure(unrarlib.RARProcessFileW(handle, operation, ffi.NULL, ffi.NULL))


def unpacked_entry(handle: Any, limit: int) -> bytes:
    content = bytearray()

    def collect(message: int, address: int, size: int) -> int:
        if message != unrarlib.UCM_PROCESSDATA or len(content) + size > limit:
            return STOP
        content.extend(ffi.buffer(ffi.cast("char *", address), size))
        return GO_ON

    with answering(handle, collect):
        process(handle, unrarlib.C_RAR_TEST)  # unpacks to nowhere but the callback, and compares checksums
    return bytes(content)


def refuse_failure(result: int) -> None:
    if result in (MISSING_PASSWORD, BAD_PASSWORD):
        raise Encrypted("This file is protected with a password.")
    if result == NO_MEMORY:
        raise MemoryError
    if result != SUCCESS:
        raise NotAnEbook("This file is damaged or incomplete: it is not a readable RAR archive.")


def name_of(entry: Any) -> str:
    try:
        return str(ffi.string(entry.FileNameW))
    except ValueError as error:  # numbers that are no characters
        raise NotAnEbook("This file is damaged: the names in it cannot be read.") from error
