class LibraryError(Exception):
    """Something that a reader or operator can act on: a stable `code` and one sentence."""

    code = "library_error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAnEbook(LibraryError):
    """The file is not what its name says, or is too damaged to be read."""

    code = "not_an_ebook"


class Encrypted(NotAnEbook):
    code = "encrypted"


class TooLarge(LibraryError):
    code = "too_large"


class OutsideLibrary(LibraryError):
    code = "outside_library"


class MayPass(LibraryError):
    """The file could not be read now; the next scan may find it readable although it has not changed."""

    code = "not_readable_now"


class InvalidEdit(LibraryError):
    """A value that a person cannot give a book."""

    code = "invalid_edit"
