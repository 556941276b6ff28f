"""Small files of the formats that `tests.books` does not make: comics, RAR archives, PDFs, Kindle books."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pypdf
from pypdf.generic import DictionaryObject, NameObject, StreamObject, TextStringObject

from tests.books import PIXEL


def comic(path: Path, *, info: str | None = None, entries: dict[str, bytes] | None = None) -> Path:
    """A CBZ with these entries, or one page; `info` is the inside of its ComicInfo.xml."""
    found = dict(entries if entries is not None else {"1.png": PIXEL})
    if info is not None:
        found.setdefault("ComicInfo.xml", comic_info(info))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return path


def comic_info(inside: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><ComicInfo>{inside}</ComicInfo>'.encode()


# --- RAR 5, as the technical note that comes with WinRAR describes it ------------------------------------------------


def rar5(
    entries: dict[str, bytes], *, dictionary: int = 0, is_encrypted: bool = False, is_volume: bool = False
) -> bytes:
    """A RAR 5 archive of stored entries; unpacking is said to need 128 kB doubled `dictionary` times."""
    blocks = [block(1, vint(1 if is_volume else 0))]
    for name, content in entries.items():
        encoded = name.encode()
        fields = b"".join(
            (
                vint(0x04),  # a checksum is given
                vint(len(content)),
                vint(0o100644),
                struct.pack("<I", zlib.crc32(content)),
                vint(dictionary << 10),  # stored, not solid
                vint(1),  # Unix
                vint(len(encoded)),
                encoded,
            )
        )
        extra = encryption_record() if is_encrypted else b""
        blocks.append(block(2, fields, extra=extra, data=content))
    return b"Rar!\x1a\x07\x01\x00" + b"".join(blocks) + block(5, vint(0))


def encryption_record() -> bytes:
    record = vint(1) + vint(0) + vint(0) + bytes([15]) + bytes(16) + bytes(16)
    return vint(len(record)) + record


def block(kind: int, fields: bytes, *, extra: bytes = b"", data: bytes = b"") -> bytes:
    flags = (0x01 if extra else 0) | (0x02 if data else 0)
    sizes = (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"")
    header = vint(kind) + vint(flags) + sizes + fields + extra
    header = vint(len(header)) + header
    return struct.pack("<I", zlib.crc32(header)) + header + data


def vint(number: int) -> bytes:
    """Seven bits in a byte, the lowest first; the eighth says that there are more."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


# --- PDF -------------------------------------------------------------------------------------------------------------


def pdf(
    path: Path,
    *,
    information: dict[str, str] | None = None,
    xmp: str = "",
    language: str = "",
    direction: str = "",
    pages: int = 1,
    size: tuple[float, float] = (300, 400),
    text: Sequence[str] = (),
    user_password: str = "",
    owner_password: str = "",
) -> Path:
    """A PDF; `xmp` is the inside of its `rdf:Description`, `text` one line each on its first page."""
    writer = pypdf.PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(*size)
    if information:
        writer.add_metadata({f"/{name}": value for name, value in information.items()})
    root = writer.root_object
    if xmp:
        stream = StreamObject()
        stream.set_data(xmp_packet(xmp))
        stream.update({NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")})
        root[NameObject("/Metadata")] = writer._add_object(stream)
    if language:
        root[NameObject("/Lang")] = TextStringObject(language)
    if direction:
        root[NameObject("/ViewerPreferences")] = DictionaryObject(
            {NameObject("/Direction"): NameObject(f"/{direction}")}
        )
    if text:
        put_text(writer, text)
    if user_password or owner_password:
        writer.encrypt(user_password, owner_password or None, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    path.write_bytes(written.getvalue())
    return path


def put_text(writer: pypdf.PdfWriter, lines: Iterable[str]) -> None:
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    shown = b"".join(b"(" + line.encode("cp1252").translate(None, b"()\\") + b") Tj 0 -12 Td " for line in lines)
    content = StreamObject()
    content.set_data(b"BT /F1 10 Tf 10 380 Td " + shown + b"ET")
    page = writer.pages[0]
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})}
    )
    page[NameObject("/Contents")] = writer._add_object(content)


def xmp_packet(inside: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpidq="http://ns.adobe.com/xmp/Identifier/qual/1.0/"'
        ' xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'
        ' xmlns:calibre="http://calibre-ebook.com/xmp-namespace"'
        ' xmlns:calibreSI="http://calibre-ebook.com/xmp-namespace-series-index">'
        f"{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


# --- Kindle ----------------------------------------------------------------------------------------------------------


def kindle(
    statements: Iterable[tuple[int, str | bytes]] = (),
    *,
    name: str = "Full name",
    encoding: str = "utf-8",
    locale: int = 9,
    encryption: int = 0,
    images: Sequence[bytes] = (),
) -> bytes:
    """A MOBI without text: its first record states `statements` by their EXTH numbers, the images follow."""
    exth = b""
    for number, stated in statements:
        value = stated.encode(encoding) if isinstance(stated, str) else stated
        exth += struct.pack(">II", number, 8 + len(value)) + value
    exth = b"EXTH" + struct.pack(">II", 12 + len(exth), len(list(statements))) + exth
    header = bytearray(232)
    struct.pack_into(">HHIHHH", header, 0, 1, 0, 0, 0, 4096, encryption)
    header[16:20] = b"MOBI"
    struct.pack_into(">III", header, 20, 216, 2, 65001 if encoding == "utf-8" else 1252)
    full_name = name.encode(encoding)
    struct.pack_into(">II", header, 84, len(header) + len(exth), len(full_name))
    struct.pack_into(">I", header, 92, locale)
    struct.pack_into(">I", header, 108, 1)
    struct.pack_into(">I", header, 128, 0x40)
    return palm_database([bytes(header) + exth + full_name + bytes(4), *images, b"\xe9\x8e\r\n"])


def palm_database(records: Sequence[bytes]) -> bytes:
    head = b"Title".ljust(60, b"\0") + b"BOOKMOBI" + bytes(8) + struct.pack(">H", len(records))
    at = len(head) + 8 * len(records)
    table = b""
    for number, record in enumerate(records):
        table += struct.pack(">II", at, number)
        at += len(record)
    return head + table + b"".join(records)
