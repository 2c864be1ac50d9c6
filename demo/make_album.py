"""Paint the demo album: small made-up landscapes, so that there is something to pack after a checkout.

    python demo/make_album.py

The pictures are kept in version control; this shows where they came from and makes them again. With the
same Pillow the same bytes come out: every picture has its own seed and nothing else is left to chance.

The names are part of the demo: one is not ASCII, and two pictures share their name with a picture one
directory up, as albums from real cameras do.
"""

import math
import os
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

ALBUM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "photos", "3bea29ccabbbf64bdebcc055319c5745")
SIZE = WIDTH, HEIGHT = 1200, 800
OVERSAMPLING = 2  # edges are drawn larger and scaled down: Pillow's polygons are not anti-aliased
QUALITY = 68

Colour = tuple[int, int, int]
Ridge = list[float]


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(stops: Sequence[tuple[float, Colour]], size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture that runs from top to bottom through the colours at `stops` (0 is the top, 1 the bottom)."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        at = y / (size[1] - 1)
        after = next(i for i, (stop, _) in enumerate(stops) if at <= stop)
        (low, above), (high, below) = stops[max(after - 1, 0)], stops[after]
        column.putpixel((0, y), mix(above, below, (at - low) / (high - low) if high > low else 0))
    return column.resize(size)


def clouds(
    random: Random, cells: tuple[int, int], octaves: int = 5, size: tuple[int, int] = SIZE
) -> Image.Image:
    """A mask of soft noise. `cells` says how many large blots there are across and down."""
    mask = Image.new("L", size, 128)
    for octave in reversed(range(octaves)):
        across, down = cells[0] << octave, cells[1] << octave
        grid = Image.frombytes("L", (across, down), random.randbytes(across * down))
        mask = Image.blend(mask, grid.resize(size, Image.Resampling.BICUBIC), 0.55)
    return mask


def levels(mask: Image.Image, dark: int, bright: int, strongest: int = 255) -> Image.Image:
    """`mask` with everything up to `dark` gone and everything from `bright` on at `strongest`."""
    span = bright - dark
    steps = (min(max((value - dark) / span, 0.0), 1.0) for value in range(256))
    return mask.point([round(strongest * step * step * (3 - 2 * step)) for step in steps])


def fade(top: float, bottom: float, size: tuple[int, int] = SIZE) -> Image.Image:
    """A mask that runs from strength `top` to strength `bottom` (0 to 1)."""
    shades = [(0.0, (round(255 * top),) * 3), (1.0, (round(255 * bottom),) * 3)]
    return gradient(shades, size).convert("L")


def tint(picture: Image.Image, colour: Colour, mask: Image.Image) -> None:
    """Lay `colour` over `picture` as far as `mask` lets it."""
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask)


def glow(picture: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, strength: float) -> None:
    """Add light around `centre` that is gone at `radius`."""
    disc = Image.radial_gradient("L").point(
        [round(255 * strength * max(1 - value / 180, 0) ** 2) for value in range(256)]
    )
    light = Image.new("L", picture.size)
    light.paste(disc.resize((2 * radius, 2 * radius)), (centre[0] - radius, centre[1] - radius))
    shine = Image.composite(Image.new("RGB", picture.size, colour), Image.new("RGB", picture.size), light)
    picture.paste(ImageChops.screen(picture, shine))


def drawn(draw_on: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A mask with smooth edges of what `draw_on` draws; it is given the scale to draw at."""
    mask = Image.new("L", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING))
    draw_on(ImageDraw.Draw(mask), OVERSAMPLING)
    return mask.resize(SIZE, Image.Resampling.BOX)


def disc(picture: Image.Image, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """A sun or a moon."""

    def circle(draw: ImageDraw.ImageDraw, scale: int) -> None:
        x, y, r = centre[0] * scale, centre[1] * scale, radius * scale
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)

    tint(picture, colour, drawn(circle))


def ridge(random: Random, height: float, swing: float, waves: float, roughness: float = 0.5) -> Ridge:
    """The outline of a range of hills: its y for every x.

    `waves` of the largest swell fit across; each finer one is `roughness` times as high.
    """
    swells = [
        (
            swing * roughness**octave,
            waves * 1.9**octave * random.uniform(0.8, 1.2),
            random.uniform(0, math.tau),
        )
        for octave in range(8)
    ]
    return [
        height + sum(high * math.sin(math.tau * often * x / WIDTH + start) for high, often, start in swells)
        for x in range(WIDTH)
    ]


def below(outline: Ridge) -> Image.Image:
    """The mask of everything from `outline` down."""

    def ground(draw: ImageDraw.ImageDraw, scale: int) -> None:
        points = [(x * scale, y * scale) for x, y in enumerate(outline)]
        floor = HEIGHT * scale
        draw.polygon([(0, floor), *points, (WIDTH * scale, points[-1][1]), (WIDTH * scale, floor)], fill=255)

    return drawn(ground)


def hills(picture: Image.Image, outline: Ridge, top: Colour, bottom: Colour) -> None:
    """Fill `picture` from `outline` down; `bottom` is the mist that the hills stand in."""
    crest = min(outline) / HEIGHT
    picture.paste(
        gradient([(crest, top), (min(crest + 0.35, 1.0), bottom), (1.0, bottom)]), mask=below(outline)
    )


def conifers(random: Random, outline: Ridge, tall: float, gap: float) -> Image.Image:
    """The mask of a wood of spruces that stand on `outline`."""

    def wood(draw: ImageDraw.ImageDraw, scale: int) -> None:
        x = -10.0
        while x < WIDTH + 10:
            foot = outline[min(max(round(x), 0), WIDTH - 1)] + tall * 0.1
            spruce(draw, scale, (x, foot), tall * random.uniform(0.45, 1.1), random)
            x += gap * random.uniform(0.4, 1.6)

    return drawn(wood)


def spruce(
    draw: ImageDraw.ImageDraw, scale: int, foot: tuple[float, float], tall: float, random: Random
) -> None:
    """One tree: tiers of branches, the lower the wider, no two of one width."""
    x, y = foot[0] * scale, foot[1] * scale
    tall *= scale
    tiers = 7
    for tier in range(tiers):
        tip = y - tall * (1 - tier / (tiers + 1))
        hem = tip + tall * 0.26
        half = tall * 0.17 * (tier + 1) / tiers
        left, right = half * random.uniform(0.8, 1.2), half * random.uniform(0.8, 1.2)
        draw.polygon([(x, tip), (x - left, hem), (x, hem - tall * 0.05), (x + right, hem)], fill=255)


def stars(picture: Image.Image, random: Random, count: int, lowest: int) -> None:
    """Stars over everything above `lowest`: most of them faint, a few with a glow."""
    for colour in ((255, 255, 255), (206, 222, 255), (255, 234, 208)):
        mask = Image.new("L", SIZE)
        draw = ImageDraw.Draw(mask)
        for _ in range(count // 3):
            x, y = random.randrange(WIDTH), round(lowest * random.random() ** 1.2)
            bright = random.random() ** 5
            spot = [(x, y)] if bright < 0.4 else [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]
            draw.point(spot, fill=round(90 + 165 * bright))
            if bright > 0.8:
                glow(picture, (x, y), 8, (170, 195, 255), 0.7)
        tint(picture, colour, mask)


def still_water(picture: Image.Image, shore: int, colour: Colour, share: float, random: Random) -> None:
    """Turn everything below `shore` into a lake in which the rest is mirrored."""
    depth = HEIGHT - shore
    mirror = picture.crop((0, max(shore - depth, 0), WIDTH, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = mirror.resize((WIDTH, depth)).filter(ImageFilter.BoxBlur((1, 2)))
    water = Image.new("RGB", mirror.size)
    swell = [(random.uniform(0.05, 0.6), random.uniform(0, math.tau)) for _ in range(6)]
    for y in range(depth):
        # nearer waves are seen from higher up, so they shift the mirror image further
        shift = round((0.5 + 5 * y / depth) * sum(math.sin(often * y + start) for often, start in swell) / 2)
        row = mirror.crop((0, y, WIDTH, y + 1))
        water.paste(ImageChops.offset(row, shift, 0), (0, y))
    water = Image.blend(water, Image.new("RGB", water.size, colour), share)
    picture.paste(water, (0, shore))
    tint(picture, (255, 255, 255), drawn(lambda draw, scale: shoreline(draw, scale, shore)))


def shoreline(draw: ImageDraw.ImageDraw, scale: int, shore: int) -> None:
    """A thin bright line where the water begins."""
    draw.rectangle((0, shore * scale, WIDTH * scale, shore * scale + 1), fill=70)


def sea(picture: Image.Image, horizon: int, stops: Sequence[tuple[float, Colour]], random: Random) -> None:
    """Fill `picture` from `horizon` down with waves."""
    depth = HEIGHT - horizon
    water = gradient(stops, (WIDTH, depth))
    for bands, bright, colour in ((3, 205, stops[0][1]), (5, 220, mix(stops[-1][1], (0, 0, 0), 0.6))):
        # noise squeezed towards the horizon is what makes a flat surface lie down
        noise = clouds(random, (3, 4 * bands), 4, (WIDTH, depth * 2))
        mask = Image.new("L", (WIDTH, depth))
        for y in range(depth):
            source = round((y / depth) ** 0.45 * (2 * depth - 1))
            mask.paste(noise.crop((0, source, WIDTH, source + 1)), (0, y))
        tint(water, colour, levels(mask, 120, bright, 170))
    picture.paste(water, (0, horizon))


def glitter(
    picture: Image.Image, horizon: int, centre: int, spread: tuple[int, int], colour: Colour, random: Random
) -> None:
    """The road of light that a sun or moon at x = `centre` lays on the sea, `spread` wide far and near."""

    def sparks(draw: ImageDraw.ImageDraw, scale: int) -> None:
        for _ in range(1100):
            near = random.random() ** 1.4
            y = horizon + 2 + near * (HEIGHT - horizon)
            x = random.gauss(centre, (spread[0] + (spread[1] - spread[0]) * near) / 2)
            half, thick = 3 + 20 * near * random.random(), 0.4 + 1.8 * near
            box = ((x - half) * scale, (y - thick) * scale, (x + half) * scale, (y + thick) * scale)
            draw.ellipse(box, fill=random.randrange(70, 255))

    tint(picture, colour, drawn(sparks).filter(ImageFilter.GaussianBlur(0.7)))


def morning_mist(random: Random) -> Image.Image:
    picture = gradient(
        [(0, (92, 126, 176)), (0.3, (196, 178, 190)), (0.55, (255, 214, 170)), (1, (255, 226, 190))]
    )
    tint(picture, (255, 236, 222), levels(clouds(random, (2, 6)), 125, 210, 150))
    glow(picture, (790, 350), 620, (255, 190, 110), 0.9)
    disc(picture, (790, 350), 34, (255, 247, 222))
    for step in range(6):
        near = step / 5
        outline = ridge(random, 395 + 68 * step, 34 + 5 * step, 1.3 + 0.25 * step, 0.46)
        top = mix((206, 168, 164), (38, 48, 66), near**0.8)
        hills(picture, outline, top, mix(top, (255, 214, 182), 0.55 * (1 - near) + 0.06))
    return picture


def noon_sea(random: Random) -> Image.Image:
    picture = gradient([(0, (38, 112, 190)), (0.52, (166, 212, 236)), (1, (206, 232, 240))])
    white = ImageChops.multiply(levels(clouds(random, (3, 5), 6), 122, 190), fade(0.75, 1))
    tint(picture, (250, 252, 255), white)
    tint(picture, (150, 178, 206), levels(ImageChops.offset(white, 0, 22), 200, 255, 60))
    hills(picture, ridge(random, 404, 13, 0.9, 0.5), (112, 150, 178), (150, 186, 206))
    sea(picture, 420, [(0, (112, 184, 206)), (0.35, (30, 132, 172)), (1, (8, 78, 122))], random)
    glitter(picture, 420, 420, (260, 640), (236, 250, 255), random)
    return picture


def spruce_fog(random: Random) -> Image.Image:
    picture = gradient([(0, (176, 194, 196)), (0.5, (222, 230, 226)), (1, (206, 218, 214))])
    for step in range(5):
        near = step / 4
        outline = ridge(random, 330 + 105 * step, 40, 0.8 + 0.2 * step, 0.42)
        colour = mix((172, 192, 190), (18, 44, 44), near**0.9)
        trees = conifers(random, outline, 62 + 48 * step, 13 + 9 * step)
        tint(picture, colour, trees)
        hills(picture, outline, colour, mix(colour, (214, 224, 220), 0.75 * (1 - near) + 0.1))
        mist = ImageChops.multiply(levels(clouds(random, (2, 5)), 105, 200, 150), fade(0.3, 1))
        tint(picture, (220, 229, 226), mist.point([round(v * (1 - near) * 0.8) for v in range(256)]))
    return picture


def dunes(random: Random) -> Image.Image:
    picture = gradient(
        [(0, (58, 108, 150)), (0.35, (226, 178, 128)), (0.55, (250, 206, 142)), (1, (250, 206, 142))]
    )
    glow(picture, (300, 300), 700, (255, 200, 120), 0.8)
    disc(picture, (300, 300), 58, (255, 244, 214))
    for step in range(5):
        near = step / 4
        outline = ridge(random, 400 + 82 * step, 36 + 10 * step, 0.7 + 0.12 * step, 0.3)
        lit, shade = mix((232, 170, 110), (206, 112, 48), near), mix((206, 136, 92), (104, 46, 26), near)
        hills(picture, outline, lit, mix(lit, shade, 0.55))
        tint(picture, shade, ImageChops.multiply(below(outline), lee_side(outline)))
    return picture


def lee_side(outline: Ridge) -> Image.Image:
    """The mask of where `outline` falls to the right, which is away from a sun on the left."""
    row = Image.new("L", (WIDTH, 1))
    for x in range(WIDTH):
        slope = outline[min(x + 12, WIDTH - 1)] - outline[max(x - 12, 0)]
        row.putpixel((x, 0), round(200 / (1 + math.exp(-slope / 2.5))))
    crest = sum(outline) / WIDTH
    slant = (1, -0.9, 0.9 * crest, 0, 1, 0)  # the edge of the shade runs down the dune at an angle
    shade = row.resize(SIZE).transform(SIZE, Image.Transform.AFFINE, slant)
    return shade.filter(ImageFilter.GaussianBlur(7))


def mountain_lake(random: Random) -> Image.Image:
    picture = gradient([(0, (66, 132, 200)), (0.4, (174, 212, 234)), (1, (220, 234, 236))])
    tint(picture, (255, 255, 255), levels(clouds(random, (2, 7), 6), 130, 215, 220))
    peaks = ridge(random, 300, 92, 1.4, 0.52)
    hills(picture, peaks, (112, 130, 156), (150, 172, 190))
    snow_line = ridge(random, 268, 20, 6, 0.66)
    tint(picture, (240, 245, 251), ImageChops.subtract(below(peaks), below(snow_line)))
    tint(
        picture,
        (236, 242, 246),
        ImageChops.multiply(levels(clouds(random, (5, 9)), 128, 190, 200), fade(0, 1)),
    )
    for step, colour in enumerate([(92, 128, 122), (52, 92, 76), (26, 62, 48)]):
        outline = ridge(random, 425 + 36 * step, 30 - 6 * step, 1.1 + 0.5 * step, 0.45)
        tint(picture, colour, conifers(random, outline, 26 + 14 * step, 6 + 2 * step))
        hills(picture, outline, colour, mix(colour, (0, 0, 0), 0.15))
    still_water(picture, 520, (24, 66, 92), 0.3, random)
    return picture


def dusk(random: Random) -> Image.Image:
    picture = gradient(
        [
            (0, (28, 26, 66)),
            (0.25, (92, 50, 108)),
            (0.48, (226, 98, 96)),
            (0.62, (255, 178, 104)),
            (1, (255, 196, 120)),
        ]
    )
    streaks = levels(clouds(random, (2, 14), 5), 120, 185, 190)
    tint(picture, (122, 48, 96), ImageChops.multiply(streaks, fade(1, 0.1)))
    tint(picture, (255, 160, 120), ImageChops.multiply(ImageChops.offset(streaks, 0, 9), fade(0.1, 0.6)))
    glow(picture, (610, 470), 520, (255, 170, 80), 0.9)
    disc(picture, (610, 462), 40, (255, 240, 200))
    hills(picture, ridge(random, 458, 20, 1.2), (132, 58, 88), (150, 70, 92))
    near = ridge(random, 486, 16, 1.7)
    tint(picture, (58, 28, 62), conifers(random, near, 34, 9))
    hills(picture, near, (58, 28, 62), (48, 24, 56))
    still_water(picture, 520, (40, 24, 66), 0.28, random)
    return picture


def moon_sea(random: Random) -> Image.Image:
    picture = gradient([(0, (8, 14, 36)), (0.55, (40, 62, 104)), (1, (56, 80, 120))])
    stars(picture, random, 260, 400)
    glow(picture, (770, 210), 520, (150, 178, 226), 0.75)
    disc(picture, (770, 210), 56, (240, 240, 228))
    seas = ImageChops.multiply(levels(clouds(random, (14, 9), 4), 118, 165, 90), moon_face((770, 210), 56))
    tint(picture, (160, 166, 178), seas)
    tint(picture, (70, 92, 134), levels(clouds(random, (2, 9)), 130, 205, 190))
    hills(picture, ridge(random, 448, 12, 0.8), (20, 32, 62), (28, 44, 78))
    sea(picture, 460, [(0, (66, 92, 136)), (0.3, (24, 42, 80)), (1, (6, 12, 30))], random)
    glitter(picture, 460, 770, (110, 330), (226, 232, 240), random)
    return picture


def moon_face(centre: tuple[int, int], radius: int) -> Image.Image:
    """The mask of a moon, to paint on it and not beside it."""
    face = Image.new("RGB", SIZE)
    disc(face, centre, radius, (255, 255, 255))
    return face.convert("L")


def milky_way(random: Random) -> Image.Image:
    picture = gradient([(0, (6, 8, 26)), (0.5, (22, 30, 66)), (0.78, (62, 74, 110)), (1, (96, 92, 112))])
    band = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    band.paste(fade(0, 1, (2 * WIDTH, 180)), (0, HEIGHT - 180))
    band.paste(fade(1, 0, (2 * WIDTH, 180)), (0, HEIGHT))
    band = band.rotate(34, Image.Resampling.BICUBIC).crop((540, 500, 540 + WIDTH, 500 + HEIGHT))
    milk = ImageChops.multiply(band, levels(clouds(random, (5, 4), 6), 70, 210))
    tint(picture, (176, 170, 206), milk.point([round(v * 0.75) for v in range(256)]))
    dust = ImageChops.multiply(levels(band, 130, 255), levels(clouds(random, (6, 5), 6), 125, 190, 200))
    tint(picture, (24, 22, 48), dust)
    stars(picture, random, 1100, 640)
    hills(picture, ridge(random, 600, 40, 1.1), (30, 36, 62), (52, 56, 84))
    near = ridge(random, 700, 34, 0.9, 0.4)
    tint(picture, (6, 10, 18), conifers(random, near, 130, 30))
    hills(picture, near, (6, 10, 18), (4, 6, 12))
    return picture


PICTURES: dict[str, Callable[[Random], Image.Image]] = {
    "1.jpg": morning_mist,
    "2.jpg": noon_sea,
    "3.jpg": mountain_lake,
    "4.jpg": dunes,
    "5.jpg": spruce_fog,
    "Сумерки.jpg": dusk,
    "night/1.jpg": moon_sea,
    "night/2.jpg": milky_way,
}


def main() -> None:
    total = 0
    for seed, (name, paint) in enumerate(PICTURES.items(), start=1):
        path = os.path.join(ALBUM, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        paint(Random(seed)).save(path, quality=QUALITY, optimize=True, progressive=True)
        total += os.path.getsize(path)
        print(f"{os.path.getsize(path):8} {name}")
    print(f"{total:8} in all")


if __name__ == "__main__":
    main()
