"""What is in a drawing, as a reader of it finds it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, fromstring

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
VOID = {"meta", "link", "br", "hr", "img", "input"}


def parsed(svg: str) -> Element:
    """The root, names without their namespace."""
    root = fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def texts(root: Element) -> list[str]:
    """What is written, in order."""
    return [element.text or "" for element in root.iter("text")]


def titles(root: Element) -> list[str]:
    """What marks say."""
    return [element.text or "" for element in root.iter("title")]


def places(root: Element) -> Iterator[tuple[float, float]]:
    """Every point that an element names; there are no transforms among them."""
    for element in root.iter():
        given = element.attrib
        assert "transform" not in given
        for x, y in (("x", "y"), ("cx", "cy"), ("x1", "y1"), ("x2", "y2")):
            if x in given:
                yield float(given[x]), float(given[y])
        if element.tag == "rect":
            width, height = float(given["width"]), float(given["height"])
            assert width >= 0
            yield float(given["x"]) + width, float(given["y"]) + height
        numbers = list(map(float, NUMBER.findall(given.get("points", "") + given.get("d", ""))))
        yield from zip(numbers[::2], numbers[1::2], strict=True)


class Document(HTMLParser):
    """Elements, ids, links and text of an HTML page; fails if tags are not balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {tag} {attrs}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> closes itself in SVG only"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.said.append((self.open[-1] if self.open else "", data))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of all elements of a name."""
        return [given for name, given in self.elements if name == tag]

    def text_of(self, tag: str) -> list[str]:
        """What stands right inside elements of a name."""
        return [data for name, data in self.said if name == tag]
