"""A validated document as one mapping from path to text.

Paths are the header's from `AppHdr` on and the document's below its message element. An element that
comes again under the same parent has its number: `Stmt/Ntry`, `Stmt/Ntry[2]`. An attribute is
`path/@Ccy`; one with a namespace (a schemaLocation) is left out.

Most messages repeat what earlier ones had but for the texts between the tags, so the bytes are cut at
their tags and the tags looked up: whoever had the same has its paths ready. That is the same as
walking the tree wherever a text is what stands between two tags, without comments, CDATA or other
instructions; anything else is walked.
"""

import re
from operator import itemgetter
from typing import Any

from lxml import etree

__all__ = ["Shape", "flatten", "flatten_bytes", "flatten_tree", "shape_of", "unescaped"]

_REMEMBERED = 512
_MANY_TAGS = 400
_ENTITY = re.compile("&(?:#([0-9]+)|#x([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[ \t\n]")
_ATTRIBUTE = re.compile(r"""\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_shapes: dict[tuple[str, ...], "Shape"] = {}


class Shape:
    """What one sequence of tags means: where its texts belong, and what is there without a text."""

    __slots__ = ("constants", "leaves", "met", "paths", "texts")

    def __init__(self, tags: tuple[str, ...]) -> None:
        self.constants: dict[str, str] = {}
        self.met = 0
        """How often `forms` met it."""
        leaves: list[tuple[str, int]] = []
        above: list[tuple[str, dict[str, int]]] = []
        for place, tag in enumerate(tags):
            if tag[0] == "?":
                continue
            if tag[0] == "/":
                above.pop()
                continue
            inside = tag.rstrip("/") if tag.endswith("/") else tag
            name = inside.split(None, 1)[0]
            path = _path(name.rpartition(":")[2], above)
            if path:
                for key, *either in _ATTRIBUTE.findall(inside[len(name) :]):
                    if ":" not in key and key != "xmlns":
                        self.constants[f"{path}/@{key}"] = either[0] or either[1]
            if tag.endswith("/"):
                if path:
                    self.constants[path] = ""
                continue
            if path and tags[place + 1][0] == "/":
                leaves.append((path, place))
            elif path:
                self.constants[path] = ""
            above.append((path, {}))
        self.leaves = {place: path for path, place in leaves}
        self.paths = [path for path, _ in leaves]
        places = [place for _, place in leaves]
        self.texts: Any = itemgetter(*places) if len(places) > 1 else lambda texts: [texts[place] for place in places]


def _path(name: str, above: list[tuple[str, dict[str, int]]]) -> str:
    """Where an element stands whose open ancestors are `above`; empty above the parts that count."""
    if not above:
        return ""
    parent, seen = above[-1]
    if not parent and not (len(above) == 3 or (len(above) == 1 and name == "AppHdr")):
        return ""
    seen[name] = number = seen.get(name, 0) + 1
    if number > 1:
        name = f"{name}[{number}]"
    return f"{parent}/{name}" if parent else name


def flatten(data: bytes, root: etree._Element) -> dict[str, str]:
    """Every value by its path. `root` is what `data` was parsed to, and is valid."""
    values = flatten_bytes(data)
    return flatten_tree(root) if values is None else values


def flatten_bytes(data: bytes) -> dict[str, str] | None:
    """As `flatten_tree` has it, from the bytes alone; None where they are not plain enough to tell."""
    cut = _cut(data)
    if cut is None:
        return None
    tags, texts = cut
    if b"&" in data:
        if any("&" in tag for tag in tags):
            return None
        texts = [*map(unescaped, texts)]
    shape = _shape(tags)
    values = shape.constants.copy()
    values.update(zip(shape.paths, shape.texts(texts), strict=True))
    return values


def shape_of(data: bytes) -> Shape | None:
    """The shape of a message; None where it is not plain, or too large to keep."""
    cut = _cut(data)
    if cut is None or len(cut[0]) > _MANY_TAGS or any("&" in tag for tag in cut[0]):
        return None
    return _shape(cut[0])


def _cut(data: bytes) -> tuple[tuple[str, ...], list[str]] | None:
    """The tags, and the text after each; None where `<` and `>` are more than a tag's.

    `data` is well-formed. Without `<!`, every `<` begins a tag or the declaration; with as many `>`
    as `<`, every `>` ends one.
    """
    if b"<!" in data or b"\r" in data or data.count(b"<?") != bool(_DECLARED.match(data)):
        return None
    if data.count(b"<") != data.count(b">"):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    pieces = text.replace(">", "<").split("<")
    return tuple(pieces[1::2]), pieces[2::2]


def _shape(tags: tuple[str, ...]) -> Shape:
    shape = _shapes.get(tags)
    if shape is None:
        shape = Shape(tags)
        if len(tags) <= _MANY_TAGS:
            if len(_shapes) >= _REMEMBERED:
                _shapes.clear()
            _shapes[tags] = shape
    return shape


def unescaped(text: str) -> str:
    """A text with what its entities stand for."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    """What an entity stands for; without a document type there are no others."""
    decimal, hexadecimal, name = found.groups()
    return _NAMED[name] if name else chr(int(decimal) if decimal else int(hexadecimal, 16))


def flatten_tree(root: etree._Element) -> dict[str, str]:
    """Every value by its path, element by element."""
    values: dict[str, str] = {"AppHdr": ""}
    _walk(root[0], "AppHdr/", values)
    _walk(root[1][0], "", values)
    return values


def _walk(element: etree._Element, path: str, into: dict[str, str]) -> None:
    seen: dict[str, int] = {}
    for child in element:
        name = str(child.tag).rpartition("}")[2]
        seen[name] = number = seen.get(name, 0) + 1
        name = f"{path}{name}[{number}]" if number > 1 else f"{path}{name}"
        if len(child):
            into[name] = ""
            _walk(child, f"{name}/", into)
        else:
            into[name] = child.text or ""
        for key, value in child.items():
            if "{" not in key:
                into[f"{name}/@{key!s}"] = str(value)
