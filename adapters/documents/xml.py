"""XML from outside, read safely: without a DOCTYPE there are no entities to expand and nothing to fetch. Pure."""

from typing import Any
from xml.etree import ElementTree

from adapters.errors import UnreadableMessage

DEPTH_MAX = 64
_STEP = "have the sender correct the document, and send it again"


class _Builder(ElementTree.TreeBuilder):
    """Builds the tree of a document of bounded depth without a DOCTYPE."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise UnreadableMessage("malformed_xml", f"it is nested deeper than {DEPTH_MAX} elements", _STEP)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UnreadableMessage("malformed_xml", "it has a DOCTYPE, which is not read", _STEP)


def parsed(body: bytes) -> ElementTree.Element:
    """The root element. Raises UnreadableMessage, with line and column of what is wrong."""
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(body)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise UnreadableMessage("malformed_xml", f"it is no XML: {error}", _STEP) from None
    except (LookupError, ValueError) as error:
        raise UnreadableMessage("malformed_xml", f"its encoding can't be read: {error}"[:300], _STEP) from None
    return root


def local(element: ElementTree.Element) -> str:
    """The name without its namespace: versions of a schema differ in that."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: ElementTree.Element | None) -> str:
    """Its own text without outer blanks; of none, nothing."""
    return (element.text or "").strip() if element is not None else ""


def children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Its children of this name."""
    return [each for each in element if local(each) == name]


__all__ = ["DEPTH_MAX", "children", "local", "parsed", "text_of"]
