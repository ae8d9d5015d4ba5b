"""Lines of text in the two shapes of ``AnnotateImageResponse``: words, and pages down to symbols.

A line is a block with one paragraph. Its words and symbols get their share of the line's box by
their number of characters; together they cover it, so that who paints over the words paints over
the line. Source: https://cloud.google.com/vision/docs/fulltext-annotations
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from localcloud.vision.geometry import polygon
from localcloud.vision.text import TextLine

Json = dict[str, Any]
Corners = Sequence[tuple[float, float]]

_WORD = re.compile(r"\S+")


def text_response(lines: Sequence[TextLine], width: int, height: int) -> Json:
    """Return ``textAnnotations`` and ``fullTextAnnotation``; nothing where there is no text."""
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return {}
    text = "\n".join(line.text for line in lines)
    corners = [corner for line in lines for corner in line.corners]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    whole = polygon(((left, top), (right, top), (right, bottom), (left, bottom)))
    words = [
        {"description": word, "boundingPoly": polygon(box)}
        for line in lines
        for word, box in _words(line)
    ]
    page = {"width": width, "height": height, "blocks": [_block(line) for line in lines]}
    return {
        "textAnnotations": [{"description": text, "boundingPoly": whole}, *words],
        "fullTextAnnotation": {"text": text, "pages": [page]},
    }


def _block(line: TextLine) -> Json:
    box = {"boundingBox": polygon(line.corners), "confidence": line.score}
    found = list(_words(line))
    words = [
        _word(word, b, line.score, last=i == len(found) - 1) for i, (word, b) in enumerate(found)
    ]
    return {"blockType": "TEXT", **box, "paragraphs": [{**box, "words": words}]}


def _word(word: str, box: Corners, score: float, *, last: bool) -> Json:
    symbols = []
    for index, character in enumerate(word):
        share = _part(box, index / len(word), (index + 1) / len(word))
        symbol = {"text": character, "boundingBox": polygon(share), "confidence": score}
        symbols.append(symbol)
    symbols[-1]["property"] = {"detectedBreak": {"type": "LINE_BREAK" if last else "SPACE"}}
    return {"boundingBox": polygon(box), "confidence": score, "symbols": symbols}


def _words(line: TextLine) -> Iterator[tuple[str, Corners]]:
    """Yield each word and its corners, parted in the middle of the blanks."""
    spans = [(match[0], match.start(), match.end()) for match in _WORD.finditer(line.text)]
    length = len(line.text)
    for index, (word, start, end) in enumerate(spans):
        begins = (spans[index - 1][2] + start) / 2 / length if index else 0.0
        ends = (end + spans[index + 1][1]) / 2 / length if index + 1 < len(spans) else 1.0
        yield word, _part(line.corners, begins, ends)


def _part(corners: Corners, start: float, end: float) -> Corners:
    """Return the part of a quadrilateral between two fractions of its reading direction."""
    top_left, top_right, bottom_right, bottom_left = corners
    return (
        _between(top_left, top_right, start),
        _between(top_left, top_right, end),
        _between(bottom_left, bottom_right, end),
        _between(bottom_left, bottom_right, start),
    )


def _between(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[int, int]:
    return round(a[0] + (b[0] - a[0]) * share), round(a[1] + (b[1] - a[1]) * share)
