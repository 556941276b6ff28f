"""Covers and comic pages, drawn: a field of colour, a few shapes, and Pillow's own font."""

from io import BytesIO
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFont

from project.demo.works import Work

Colour = tuple[int, int, int]

COVER = (600, 900)
MARGIN = 48
PAPER: Colour = (246, 241, 230)
PAGE = (360, 540)
GUTTER = 10
INK, GREY, LIGHT, WHITE = 0, 1, 2, 3  # the four shades of a comic's page
SHADES = [28, 28, 30, 128, 128, 130, 206, 206, 208, 255, 255, 255]


def cover_of(work: Work) -> bytes:
    """The cover as a PNG; the same work gives the same picture."""
    chance = Random(f"cover {work.slug}")
    ground = _colour(work.colour)
    image = Image.new("RGB", COVER, ground)
    draw = ImageDraw.Draw(image)
    _landscape(draw, ground, chance)
    width, height = COVER
    draw.rectangle((MARGIN, 90, width - MARGIN, 470), fill=PAPER)
    draw.rectangle((MARGIN + 10, 100, width - MARGIN - 10, 460), outline=ground, width=3)
    _written(draw, work.title, top=128, bottom=432, sizes=(64, 56, 48, 42, 36), fill=_mixed(ground, (0, 0, 0), 0.35))
    if work.series:
        _line(draw, f"{work.series}  ·  {work.index}", middle=52, size=28, fill=PAPER)
    _line(draw, work.author, middle=height - 62, size=38, fill=PAPER)
    return _png(image)


def comic_page(work: Work, number: int) -> bytes:
    """A page of panels without words; the first is the cover."""
    if number == 0:
        return cover_of(work)
    chance = Random(f"page {work.slug} {number}")
    image = Image.new("P", PAGE, WHITE)
    image.putpalette(SHADES)
    draw = ImageDraw.Draw(image)
    width, height = PAGE
    rows = chance.choice(((1, 2), (2, 1), (1, 1, 2), (2, 1, 2), (1, 2, 1)))
    tall = (height - GUTTER) // len(rows)
    for row, columns in enumerate(rows):
        wide = (width - GUTTER) // columns
        for column in range(columns):
            left, top = GUTTER + column * wide, GUTTER + row * tall
            _panel(draw, (left, top, left + wide - GUTTER, top + tall - GUTTER), chance)
    return _png(image)


def _panel(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], chance: Random) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, fill=chance.choice((WHITE, LIGHT)), outline=INK, width=2)
    ground = bottom - chance.randint(20, (bottom - top) // 3)
    draw.rectangle((left + 2, ground, right - 2, bottom - 2), fill=GREY)
    # Somebody stands there, and mostly says something.
    x, head = chance.randint(left + 30, right - 30), chance.randint(12, 18)
    draw.polygon([(x - head, ground + 8), (x + head, ground + 8), (x, ground - 3 * head)], fill=INK)
    draw.ellipse((x - head, ground - 5 * head, x + head, ground - 3 * head), fill=WHITE, outline=INK, width=2)
    if chance.random() < 0.7:
        draw.ellipse((left + 10, top + 8, left + 10 + (right - left) // 2, top + 42), fill=WHITE, outline=INK, width=2)
        for line in range(2):
            y = top + 21 + 8 * line
            draw.line((left + 26, y, left + (right - left) // 2 - 8, y), fill=INK, width=2)


def _landscape(draw: ImageDraw.ImageDraw, ground: Colour, chance: Random) -> None:
    """Hills one behind the other under a sun or a moon."""
    width, height = COVER
    x, radius = chance.randint(120, width - 120), chance.randint(50, 80)
    draw.ellipse((x - radius, 560 - radius, x + radius, 560 + radius), fill=_mixed(ground, PAPER, 0.7))
    for hill in range(3):
        top = 600 + 70 * hill
        shade = _mixed(ground, (0, 0, 0), 0.18 * (hill + 1))
        points = [(step * 100, top + chance.randint(-35, 35)) for step in range(7)]
        draw.polygon([*points, (width, height), (0, height)], fill=shade)


def _written(
    draw: ImageDraw.ImageDraw, text: str, *, top: int, bottom: int, sizes: tuple[int, ...], fill: Colour
) -> None:
    """Text in as many lines as it needs, in the largest of these sizes in which it fits."""
    for size in sizes:
        font = ImageFont.load_default(size)
        lines = _lines(text, font, COVER[0] - 2 * MARGIN - 50)
        height = int(size * 1.2)
        if len(lines) * height <= bottom - top and all(_width(line, font) <= COVER[0] - 2 * MARGIN for line in lines):
            break
    y = (top + bottom - len(lines) * height) // 2
    for number, line in enumerate(lines):
        _line(draw, line, middle=y + number * height + height // 2, size=size, fill=fill)


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", font) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> float:
    return font.getlength(text)


def _line(draw: ImageDraw.ImageDraw, text: str, *, middle: int, size: int, fill: Colour) -> None:
    font = ImageFont.load_default(size)
    draw.text((COVER[0] // 2, middle), text, font=font, fill=fill, anchor="mm")


def _colour(name: str) -> Colour:
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _png(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()
