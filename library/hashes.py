import hashlib
import os
from dataclasses import dataclass

SAMPLE_BYTES = 1024
SAMPLE_OFFSETS = (0, *(1024 * 4**k for k in range(11)))
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Digests:
    """What tells a file's bytes from others: lower-case hex digests, and the size in bytes."""

    sha256: str
    ko_md5: str
    size: int


def partial_md5(path: str | os.PathLike[str]) -> str:
    """KOReader's partial MD5, in lower-case hex. It samples the file, so different files can share one."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        for offset in SAMPLE_OFFSETS:
            file.seek(offset)
            sample = file.read(SAMPLE_BYTES)
            if not sample:
                break
            digest.update(sample)
    return digest.hexdigest()


def name_digest(name: str | bytes) -> int:
    """The first 8 bytes of a base name's MD5 as a signed number, as `FileNameDigest` keeps it."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return digest_number(hashlib.md5(raw, usedforsecurity=False).hexdigest())


def digest_number(md5_hex: str) -> int:
    """The same of an MD5 that is given as 32 hex digits."""
    return int.from_bytes(bytes.fromhex(md5_hex[:16]), "big", signed=True)


def digests(path: str | os.PathLike[str]) -> Digests:
    """All digests of a file from one pass over it, so that they speak of the same bytes."""
    whole, sampled = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            whole.update(chunk)
            for offset in SAMPLE_OFFSETS:
                # A sample may begin in one chunk only, since the offsets and the chunk size are powers of two; it is
                # shorter than what follows it in its chunk unless the file ends there.
                if size <= offset < size + len(chunk):
                    sampled.update(chunk[offset - size : offset - size + SAMPLE_BYTES])
            size += len(chunk)
    return Digests(sha256=whole.hexdigest(), ko_md5=sampled.hexdigest(), size=size)
