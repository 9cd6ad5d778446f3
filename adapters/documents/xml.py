"""XML from outside, read safely: no entity is expanded and nothing is fetched. Pure: no I/O."""

from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from adapters.errors import UnreadableMessage

DEPTH_MAX = 64
_STEP = "have the sender correct the document, and send it again"


def parsed(body: bytes, *, doctype: bool = False) -> ElementTree.Element:
    """The root element. Raises UnreadableMessage, with line and column of what is wrong.

    `doctype`: one may be there, as long as it declares no entity; what it names elsewhere is not read.
    """
    builder, depth = ElementTree.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MAX:
            raise _malformed(f"it is nested deeper than {DEPTH_MAX} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> NoReturn:
        raise _malformed(
            "it has a DOCTYPE, which is not read" if not doctype else "it has entities, which are not read"
        )

    try:
        parser = expat.ParserCreate(None, "}")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = builder.data
        parser.EntityDeclHandler = parser.SkippedEntityHandler = parser.ExternalEntityRefHandler = refuse
        if not doctype:
            parser.StartDoctypeDeclHandler = refuse
        parser.Parse(body, True)
        return builder.close()
    except expat.ExpatError as error:
        raise _malformed(f"it is no XML: {error}") from None
    except (LookupError, ValueError) as error:
        raise _malformed(f"its encoding can't be read: {error}"[:300]) from None


def local(element: ElementTree.Element) -> str:
    """The name without its namespace: versions of a schema differ in that."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: ElementTree.Element | None) -> str:
    """Its own text without outer blanks; of none, nothing."""
    return (element.text or "").strip() if element is not None else ""


def children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Its children of this name."""
    return [each for each in element if local(each) == name]


def _malformed(why: str) -> UnreadableMessage:
    return UnreadableMessage("malformed_xml", why, _STEP)


__all__ = ["DEPTH_MAX", "children", "local", "parsed", "text_of"]
