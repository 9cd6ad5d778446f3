"""Request bodies as they come, up to a limit."""

from fastapi import Request

from gateway.problems import Refusal


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body; raises Refusal (413) as soon as it is larger than the limit, in bytes."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise _too_large(stated, limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(f"more than {limit}", limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(size: str, limit: int) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"the body has {size} bytes; at most {limit} are taken. Nothing of it was kept",
        "send the events in smaller batches, or the document without attachments",
        field="body",
        value=f"{size} bytes",
        headers={"Connection": "close"},
    )


__all__ = ["read_body"]
