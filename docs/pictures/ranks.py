"""One tree of additions for any number of ranks: the shards, and who adds them."""

from diagram import Diagram

from minigrad.distribution.tree import add_up

WIDTHS = (760, 400)
SHARDS = 8
COLORS = "abcd"


def draw(width, theme):
    narrow = width < 500
    left, each = (12, 47) if narrow else (112, 79)
    step, top, tall = (52, 66, 30) if narrow else (58, 66, 32)
    leaf = top + 3 * step  # where the shards' sums stand
    height = leaf + tall + (212 if narrow else 176)
    picture = Diagram("ranks", width, height, "One order of additions for 1, 2, 4 and 8 ranks")
    picture.text(12, 24, "The tree never changes.", 14, font_weight="bold")
    words = "A rank adds alone what is above its bar."
    words += "" if narrow else " Further up, ranks send each other their sums."
    picture.text(12, 44, words, 12, class_="s")
    nodes(picture, left, each, step, top, tall)
    for row, ranks in enumerate((1, 2, 4, 8)):
        y = leaf + tall + 18 + row * (47 if narrow else 38)
        title = f"{ranks} rank{'s' * (ranks > 1)}"
        if narrow:
            picture.text(left, y + 8, title, 12, class_="s")
        else:
            picture.text(left - 12, y + 17, title, 13, "end")
        bars(picture, left, y + (12 if narrow else 0), each * SHARDS / ranks, ranks, narrow)
    return str(picture)


def nodes(picture, left, each, step, top, tall):
    """The sums of the shards below, and above them the additions, as `add_up` makes them."""
    leaf = top + 3 * step

    def add(one, other):
        (x0, y0), (x1, y1) = one, other
        x, y = (x0 + x1) / 2, min(y0, y1) - step
        for below, at in (one, other):
            half = tall / 2 if at > leaf else 11
            picture.line(f"M{below} {at - half}V{y + step / 2}H{x}V{y + 11}", "muted")
        return x, y

    places = [(left + each * (i + 0.5), leaf + tall / 2) for i in range(SHARDS)]
    joined = []
    root = add_up(places, lambda one, other: joined.append(add(one, other)) or joined[-1])
    for x, y in joined:
        picture.add("circle", cx=x, cy=y, r=11, fill="paper", stroke="ink", stroke_width=1.4)
        picture.text(x, y + 5, "+", 16, "middle")
    for i, (x, y) in enumerate(places):
        wide = each - 9
        picture.box(x - wide / 2, y - tall / 2, wide, tall, "wash-a", "a", rx=5)
        picture.text(x, y + 5, f"s{i}", 14, "middle", font_style="italic")
    picture.text(root[0] + 20, root[1] + 5, "the gradient, on all ranks", 12.5)


def bars(picture, left, y, wide, ranks, narrow):
    """Which shards each rank has."""
    for rank in range(ranks):
        color = COLORS[rank % 4]
        picture.box(left + rank * wide + 4, y, wide - 8, 26, f"wash-{color}", color, rx=5)
        title = f"{rank}" if narrow and ranks > 4 else f"rank {rank}"
        picture.text(left + (rank + 0.5) * wide, y + 18, title, 12.5, "middle", fill=color)
