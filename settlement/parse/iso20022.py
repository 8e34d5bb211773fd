"""Messages of ISO 20022, read as a stream: nothing outside of the file is ever opened, and every byte has its place.

lxml reads piece by piece with entities, document types and the network off and its limits on. A message is the one
``Document`` of a file, alone or inside one envelope. Where an entry's bytes lie is found by a second look at the
bytes themselves: in a well-formed document ``<`` opens a tag except inside comments, instructions and CDATA.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lxml import etree

from settlement.model.clearing import Why
from settlement.parse.statements import UnreadableError

CAMT_VERSIONS: Final = ("02", "04", "06", "08", "13")

_PIECE: Final = 1 << 18
_SAFELY: Final[Mapping[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "recover": False,
}
_DECLARES: Final = "it declares a document type or entities, which no bank message needs"
_BYTE_ENCODINGS: Final = re.compile(
    r"utf-?8|(us-)?ascii|iso-?8859-([1-9]|1[013-6])|latin-?1|windows-125[0-8]|cp125[0-8]"
)
_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,80}?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,39})["']""")
_MARKUP: Final = (
    r"<(?:!--.*?-->|\?.*?\?>|!\[CDATA\[.*?\]\]>"
    r"""|(?P<open>(?:[^\s<>/:!?]+:)?Ntry(?=[\s/>])(?:[^>"']|"[^"]*"|'[^']*')*>)"""
    r"|(?P<close>/(?:[^\s<>/:!?]+:)?Ntry\s*>))"
)
_MARKUP_BYTES: Final = re.compile(_MARKUP.encode(), re.DOTALL)
_MARKUP_TEXT: Final = re.compile(_MARKUP, re.DOTALL)
_FIRST_TAG: Final = re.compile(rb"<([A-Za-z_][^\s<>/]*)")
_BOM_UTF8: Final = b"\xef\xbb\xbf"
_UTF16: Final = {
    b"\xff\xfe": ("utf-16-le", 2),
    b"\xfe\xff": ("utf-16-be", 2),
    b"<\0": ("utf-16-le", 0),
    b"\0<": ("utf-16-be", 0),
}
"""First bytes of a file in UTF-16: its codec, and how many of them are a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of message: its name and versions, its root element, and the element that holds its entries."""

    message: str
    versions: tuple[str, ...]
    body: str
    section: str

    def namespace(self) -> re.Pattern[str]:
        """What the namespace of such a message is."""
        urn = re.escape(f"urn:iso:std:iso:20022:tech:xsd:{self.message}.001.")
        return re.compile(f"{urn}({'|'.join(self.versions)})")


@dataclass(slots=True)
class Node:
    """An element with its text, its currency and its children by local name; only what is in its own namespace.

    Looking up paths in it costs a tenth of what it costs in lxml's elements, and an entry is asked for thirty.
    """

    text: str
    currency: str
    children: dict[str, list[Node]]

    def every(self, path: str) -> Sequence[Node]:
        """All nodes at a path of local names."""
        first, *rest = _steps(path)
        found: Sequence[Node] = self.children.get(first, ())
        for name in rest:
            if not found:
                break
            found = (
                found[0].children.get(name, ())
                if len(found) == 1
                else [child for node in found for child in node.children.get(name, ())]
            )
        return found

    def first(self, path: str) -> Node | None:
        """The first node at a path of local names."""
        found = self.every(path)
        return found[0] if found else None

    def told(self, *paths: str) -> str | None:
        """The first text at one of the paths, without the blanks around it; None where there is none."""
        for path in paths:
            for node in self.every(path):
                if node.text:
                    return node.text
        return None


def node_of(element: etree._Element) -> Node:
    """The element as a node. Its depth is bounded by the parser's limits."""
    namespace = etree.QName(element).namespace
    return _node(element, f"{{{namespace}}}" if namespace else "")


def _node(element: etree._Element, prefix: str) -> Node:
    children: dict[str, list[Node]] = {}
    for child in element:
        tag = child.tag
        # A comment's tag is no text; foreign elements tell nothing that is asked for.
        if isinstance(tag, str) and tag.startswith(prefix):
            children.setdefault(tag[len(prefix) :], []).append(_node(child, prefix))
    return Node((element.text or "").strip(), str(element.get("Ccy", "")), children)


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What is called while a message streams by.

    ``entry`` is given each entry and its section and returns the entry's number; ``section`` is given a section at
    its end, without its entries, and ``header`` the group header.
    """

    header: Callable[[Node], None]
    entry: Callable[[Node, etree._Element], int]
    section: Callable[[Node], None]


def read_message(content: memoryview, family: Family, handlers: Handlers) -> list[int]:
    """Stream one message past the handlers.

    Returns
    -------
    list of int
        The number of each element named ``Ntry`` in the order in which they end, 0 where it is no entry of a section.

    Raises UnreadableError where the content is no such message, or brings a document type along.
    """
    _refuse_by_bytes(content)
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=("{*}Document", "{*}GrpHdr", f"{{*}}{family.section}", "{*}Ntry"),
        **_SAFELY,
    )
    stream = _Stream(family, handlers)
    try:
        for begin in range(0, len(content), _PIECE):
            parser.feed(bytes(content[begin : begin + _PIECE]))
            stream.take(parser)
        root = parser.close()
        stream.take(parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise _malformed(content, error) from None
    _require_one(root, family, stream.documents)
    return stream.numbers


def read_document(content: memoryview, family: Family) -> Node:
    """The body of a message that is small enough to be looked at as a whole.

    Raises UnreadableError as ``read_message`` does.
    """
    _refuse_by_bytes(content)
    try:
        root = etree.fromstring(bytes(content), etree.XMLParser(**_SAFELY))
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise _malformed(content, error) from None
    known = family.namespace()
    found = [
        element
        for element in (root, *root.iterchildren("{*}Document"))
        if etree.QName(element).localname == "Document" and known.fullmatch(etree.QName(element).namespace or "")
    ]
    _require_one(root, family, len(found))
    body = node_of(found[0]).first(family.body)
    if body is None:
        raise UnreadableError(Why.UNREADABLE, f"it has no {family.body}")
    return body


def _malformed(content: memoryview, error: Exception) -> UnreadableError:
    if _cut_short(content):
        return UnreadableError(Why.TRUNCATED, "it ends before its document does")
    return UnreadableError(Why.UNREADABLE, f"it is no well-formed XML (line {getattr(error, 'lineno', None)})")


def _require_one(root: etree._Element, family: Family, documents: int) -> None:
    """Raise UnreadableError where there is a document type, or not one message of the family."""
    # What hides from the search in the bytes does not hide from the parser.
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableError(Why.UNREADABLE, _DECLARES)
    if documents == 0:
        versions = ", ".join(family.versions)
        raise UnreadableError(Why.UNREADABLE, f"it is no {family.message} message of one of the versions {versions}")
    if documents > 1:
        raise UnreadableError(Why.UNREADABLE, "it holds several messages")


class _Stream:
    """Takes events as they come, and lets go of entries that have been handled."""

    def __init__(self, family: Family, handlers: Handlers) -> None:
        self.family = family
        self.handlers = handlers
        self.documents = 0
        self.numbers: list[int] = []
        self._handled: etree._Element | None = None
        self._namespace = family.namespace()

    def take(self, parser: etree.XMLPullParser) -> None:
        """Handle what the parser has read since the last call."""
        for event, element in parser.read_events():
            if not isinstance(element, etree._Element):  # noqa: SLF001  # the class has no public name
                continue
            name = etree.QName(element).localname
            if event == "start":
                if name == "Document" and self._is_message(element):
                    self.documents += 1
                continue
            if name == "Ntry":
                self._entry(element)
            elif name == self.family.section and self._under(element, self.family.body):
                self.handlers.section(node_of(element))
                self._let_go(None)
                element.clear()
            elif name == "GrpHdr" and self._under(element, self.family.body):
                self.handlers.header(node_of(element))

    def _entry(self, element: etree._Element) -> None:
        section = element.getparent()
        if section is None or not self._under(element, self.family.section):
            self.numbers.append(0)
            return
        self.numbers.append(self.handlers.entry(node_of(element), section))
        # The element itself must stay until the parser has moved on.
        self._let_go(element)

    def _let_go(self, successor: etree._Element | None) -> None:
        handled, self._handled = self._handled, successor
        parent = None if handled is None else handled.getparent()
        if handled is not None and parent is not None:
            parent.remove(handled)

    def _is_message(self, element: etree._Element) -> bool:
        outer = element.getparent()
        known = self._namespace.fullmatch(etree.QName(element).namespace or "") is not None
        return known and (outer is None or outer.getparent() is None)

    def _under(self, element: etree._Element, name: str) -> bool:
        """Whether the element stands directly in ``name`` of a message, all in the message's namespace."""
        path = [name] if name == self.family.body else [name, self.family.body]
        namespace, at = etree.QName(element).namespace, element
        for step in path:
            outer = at.getparent()
            if outer is None or outer.tag != f"{{{namespace}}}{step}":
                return False
            at = outer
        document = at.getparent()
        return document is not None and document.tag == f"{{{namespace}}}Document" and self._is_message(document)


def entry_sizes(content: memoryview, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Number and bytes of each entry; ``numbers`` are as ``read_message`` returns them."""
    wide, text = _opened(content)
    spans = list(_entry_spans(content if text is None else text))
    if len(spans) != len(numbers):
        raise RuntimeError(f"{len(numbers)} elements were read, {len(spans)} are in the bytes")
    for number, (start, end) in zip(numbers, spans, strict=True):
        if number:
            yield number, end - start if text is None or wide is None else len(text[start:end].encode(wide[0]))


def entry_places(content: memoryview, family: Family, wanted: Container[int]) -> dict[int, tuple[int, int]]:
    """Offset of the first byte and number of bytes of some entries, by their numbers from 1.

    Raises UnreadableError as ``read_message`` does.
    """
    count = itertools.count(1)
    handlers = Handlers(header=lambda _: None, entry=lambda _entry, _section: next(count), section=lambda _: None)
    numbers = read_message(content, family, handlers)
    wide, text = _opened(content)
    spans = zip(numbers, _entry_spans(content if text is None else text), strict=True)
    found = {number: span for number, span in spans if number in wanted}
    if text is None or wide is None:
        return {number: (start, end - start) for number, (start, end) in found.items()}
    code, mark = wide
    return {
        number: (mark + len(text[:start].encode(code)), len(text[start:end].encode(code)))
        for number, (start, end) in found.items()
    }


def byte_order_of(content: memoryview | bytes) -> str | None:
    """The codec of a document in UTF-16, with or without a mark; None for others."""
    wide = _UTF16.get(bytes(content[:2]))
    return None if wide is None else wide[0]


def _opened(content: memoryview) -> tuple[tuple[str, int] | None, str | None]:
    """For a document in UTF-16 its codec, the bytes of its mark, and its text."""
    wide = _UTF16.get(bytes(content[:2]))
    return wide, str(content[wide[1] :], wide[0]) if wide else None


def _entry_spans(document: memoryview | str) -> Iterator[tuple[int, int]]:
    """Begin and end of each element named ``Ntry``, in the order in which they end."""
    found = _MARKUP_TEXT.finditer(document) if isinstance(document, str) else _MARKUP_BYTES.finditer(document)
    starts: list[int] = []
    for markup in found:
        if markup["open"]:
            if markup["open"][-2:] in {"/>", b"/>"}:
                yield markup.start(), markup.end()
            else:
                starts.append(markup.start())
        elif markup["close"]:
            yield starts.pop(), markup.end()


def _refuse_by_bytes(content: memoryview) -> None:
    """Refuse what must not reach the parser: a document type in any encoding we let pass, and other encodings."""
    start = bytes(content[:256])
    if not start:
        raise UnreadableError(Why.TRUNCATED, "it ends before its document does")
    wide = _UTF16.get(start[:2])
    declared = _DECLARED.search(start)
    if wide is None:
        if start.removeprefix(_BOM_UTF8).lstrip()[:1] != b"<":
            raise UnreadableError(Why.UNREADABLE, "it is no XML document")
        name = declared[1].decode("ascii").lower() if declared else "utf-8"
        if _BYTE_ENCODINGS.fullmatch(name) is None:
            raise UnreadableError(Why.UNREADABLE, f"it says that it is written in {name}, which bank messages are not")
    code = wide[0] if wide else "ascii"
    search = b"|".join(re.escape(word.encode(code)) for word in ("<!DOCTYPE", "<!ENTITY"))
    if re.search(search, content):
        raise UnreadableError(Why.UNREADABLE, _DECLARES)


def _cut_short(content: memoryview) -> bool:
    """Whether the document's last tag is missing."""
    wide = _UTF16.get(bytes(content[:2]))
    start, end = bytes(content[:4096]), bytes(content[-4096:])
    if wide:
        start, end = (part.decode(wide[0], "ignore").encode() for part in (start[wide[1] :], end))
    first = _FIRST_TAG.search(re.sub(rb"<!--.*?-->|<\?.*?\?>", b"", start, flags=re.DOTALL))
    if first is None:
        return True
    return re.search(rb"</" + re.escape(first[1]) + rb"\s*>\s*(<!--.*?-->\s*)*\Z", end, re.DOTALL) is None
