"""The body of a plan as a stream: unpacked, in UTF-8, as numbered lines.

Decided here: which packing and which character set are taken, and the limits by which a body is cut off. Not here: what
a line holds (gateway.plan_runs.table and reading).
"""

import codecs
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from gateway.problems import Refusal

LINE_LIMIT_BYTES = 256 * 1024
LINES_MAX = 1_000_000
UNPACKED_FREE_BYTES = 16 * 1024 * 1024
UNPACKED_PER_BYTE_MAX = 100
"""Plans compress about tenfold; a body that unpacks to more than this beyond the first megabytes is no plan."""
_PIECE_BYTES = 1 << 16
"""So that a small file which unpacks to a huge one is never in memory whole."""
_CHARSETS: Mapping[str, str] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "windows-1252": "cp1252",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
}
_OTHER_FILES = (
    (b"PK\x03\x04", "a packed workbook (.xlsx, .ods)", "save it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save it as CSV UTF-8"),
    (b"\x1f\x8b", "a gzip file", "send it with Content-Encoding: gzip"),
    (b"<", "HTML or XML, as some systems name .xls", "open it in a spreadsheet and save it as CSV UTF-8"),
    (b"%PDF", "a PDF", "export the plan as CSV"),
)
_SNIFFED_BYTES = 4


class _Untouched:
    """Bytes that need no decoding."""


async def unpacked(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The unzipped stream, piece by piece; raises Refusal where it is no gzip stream or ends early."""
    if encoding in ("", "identity"):
        async for chunk in chunks:
            yield chunk
        return
    if encoding != "gzip":
        raise Refusal(
            415,
            "unsupported_encoding",
            f"Content-Encoding {encoding!r} is not taken",
            "send it plain or with gzip",
            field="Content-Encoding",
            value=encoding,
        )
    member, begun, packed, plain = zlib.decompressobj(wbits=31), False, 0, 0
    try:
        async for chunk in chunks:
            packed += len(chunk)
            for piece in _inflate(chunk, member):
                if isinstance(piece, bytes):
                    plain += len(piece)
                    if plain > UNPACKED_FREE_BYTES + UNPACKED_PER_BYTE_MAX * packed:
                        raise _packed_too_tight(packed)
                    yield piece
                else:
                    member = piece
            begun = begun or bool(chunk)
    except zlib.error as error:
        raise _broken_gzip(str(error)) from error
    if begun and not member.eof:
        raise _broken_gzip("it ends in the middle")


def _inflate(chunk: bytes, member: Any) -> Iterator[Any]:
    """The unzipped pieces of a chunk, starting each new gzip member as it begins (several may be joined)."""
    while chunk:
        if member.eof:
            member = zlib.decompressobj(wbits=31)
            yield member
        yield member.decompress(chunk, _PIECE_BYTES)
        chunk = member.unconsumed_tail or member.unused_data


def codec_of(charset: str) -> str:
    """Python's name of a character set (empty: UTF-8); raises Refusal where plans are not taken in it."""
    codec = _CHARSETS.get(charset.lower() or "utf-8")
    if codec is None:
        raise Refusal(
            415,
            "unsupported_charset",
            f"charset {charset!r} is not taken",
            "send one of " + ", ".join(_CHARSETS),
            field="Content-Type",
            value=charset,
        )
    return codec


async def in_utf8(chunks: AsyncIterator[bytes], codec: str) -> AsyncIterator[bytes]:
    """The stream in UTF-8. UTF-16 is recognized by its byte order mark, as spreadsheets write it.

    Raises Refusal where the body is another kind of file, or not in its character set. Bytes that are said to be UTF-8
    are passed on unread: a line that is not is refused by itself.
    """
    start, decoder = b"", None
    async for chunk in chunks:
        piece = chunk
        if decoder is None:
            start += chunk
            if len(start) < _SNIFFED_BYTES:
                continue
            decoder, piece = _decoder(start, codec), start
        yield _encoded(decoder, piece)
    yield _encoded(decoder or _decoder(start, codec), b"" if decoder else start, final=True)


def _decoder(start: bytes, codec: str) -> codecs.IncrementalDecoder | _Untouched:
    for magic, kind, step in _OTHER_FILES:
        if start.startswith(magic):
            raise Refusal(
                415, "unsupported_media_type", f"the body is {kind}, not CSV or NDJSON", step, field="body", value=kind
            )
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        codec = "utf-16"
    return _Untouched() if codec == "utf-8" else codecs.getincrementaldecoder(codec)()


def _encoded(decoder: codecs.IncrementalDecoder | _Untouched, piece: bytes, *, final: bool = False) -> bytes:
    if isinstance(decoder, _Untouched):
        return piece
    try:
        return decoder.decode(piece, final).encode()
    except UnicodeError as error:
        raise Refusal(
            400,
            "not_in_charset",
            f"the body is not in its character set: {error}",
            "save the plan as UTF-8 and send it again",
            field="body",
        ) from error


async def numbered_lines(chunks: AsyncIterator[bytes], *, at_once: int) -> AsyncIterator[list[tuple[int, bytes]]]:
    """The stream's lines with their numbers from 1, in chunks; raises Refusal where a line is too long."""
    begun: list[bytes] = []  # the parts of the line that has not ended: joined once, however small they come
    size, number, waiting = 0, 0, list[tuple[int, bytes]]()
    async for chunk in chunks:
        first, *lines = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LINE_LIMIT_BYTES:
            raise _line_too_long(number + 1)
        if lines:
            lines, begun = [b"".join(begun), *lines[:-1]], [lines[-1]]
            size = len(begun[0])
        if number + len(lines) > LINES_MAX:
            raise _too_many_lines()
        if size > LINE_LIMIT_BYTES:
            raise _line_too_long(number + len(lines) + 1)
        for line in lines:
            number += 1
            waiting.append((number, line))
        if len(waiting) >= at_once:
            yield waiting
            waiting = []
    if rest := b"".join(begun):
        waiting.append((number + 1, rest))
    if waiting:
        yield waiting


def _too_many_lines() -> Refusal:
    return Refusal(
        413,
        "too_many_lines",
        f"the plan has more than {LINES_MAX} lines. Nothing of it was kept",
        f"send at most {LINES_MAX} lines of one plant",
        field="body",
    )


def _line_too_long(number: int) -> Refusal:
    return Refusal(
        422,
        "line_too_long",
        f"line {number} is longer than {LINE_LIMIT_BYTES} bytes",
        "send one need a line",
        field="body",
    )


def _packed_too_tight(packed: int) -> Refusal:
    return Refusal(
        413,
        "packed_too_tight",
        f"the first {packed} bytes unpack to more than {UNPACKED_PER_BYTE_MAX} times as many, beyond the first "
        f"{UNPACKED_FREE_BYTES}. Nothing of it was kept",
        "send the plan plain",
        field="body",
    )


def _broken_gzip(detail: str) -> Refusal:
    return Refusal(400, "broken_gzip", f"the body is no whole gzip file: {detail}", "send it again whole", field="body")


__all__ = ["LINE_LIMIT_BYTES", "codec_of", "in_utf8", "numbered_lines", "unpacked"]
