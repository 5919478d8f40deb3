"""The opening pictures of the rules that look at a whole matrix: Muon and Adafactor."""

import functools

import numpy as np
from pixels import NARROW, head, new_figure, place, wrap, write, write_parts

from minigrad import Parameter, optimizers
from minigrad.plots._style import LABEL, POINT, TICK, dress, look, page, ramp, readable

ROUNDS = (0, 2, 5)  # of Newton and Schulz's iteration, that Muon's picture shows


# --- what they compute -------------------------------------------------------------------------


@functools.cache
def muon():
    """Muon on a matrix (2, 2): x after each round, and the step of the optimizer."""
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(64, 2)) * [2.0, 0.4] @ [[0.8, 0.6], [-0.6, 0.8]]
    wanted = np.array([[1.0, -0.5], [0.5, 1.0]])
    w = Parameter(np.zeros((2, 2)), "float64", "w")
    optimizer = optimizers.Muon(0.1, weight_decay=None, rms_rate=None, nesterov=False)
    optimizer.build([w])
    kept = np.zeros((2, 2))
    for _ in range(4):
        g = 2 * inputs.T @ (inputs @ (w.data - wanted)) / len(inputs)
        kept, before = optimizer.momentum * kept + g, w.numpy().copy()
        optimizer.apply([g], [w])
    x, rounds = kept / (np.linalg.norm(kept) + 1e-7), []
    for _ in range(optimizer.ns_steps + 1):
        rounds.append(x)
        a = x @ x.T
        x = optimizer.muon_a * x + (optimizer.muon_b * a + optimizer.muon_c * a @ a) @ x
    return rounds, (before - w.data) / 0.1


def stretched(value, rounds):
    """What so many rounds make of a singular value."""
    rule = optimizers.Muon()
    for _ in range(rounds):
        value = rule.muon_a * value + rule.muon_b * value**3 + rule.muon_c * value**5
    return value


@functools.cache
def adafactor():
    """Adafactor on a matrix (6, 9): Adam's kind of mean of g², and the state r, c, v."""
    rng = np.random.default_rng(0)
    features = rng.permutation(np.geomspace(0.5, 2, 6))
    outputs = rng.permutation(np.geomspace(0.5, 2, 9))
    w = Parameter(rng.normal(size=(6, 9)), "float64", "w")
    optimizer, mean = optimizers.Adafactor(0.01), np.zeros((6, 9))
    for t in range(1, 31):
        inputs = rng.normal(size=(8, 6)) * features
        g = inputs.T @ (rng.normal(size=(8, 9)) * outputs) / 8
        mean += t**optimizer.beta_2_decay * (g * g - mean)
        optimizer.apply([g], [w])
    state = optimizer.get_state()
    return mean, *(np.asarray(state[f"w/{name}"]) for name in "rcv")


# --- pictures ----------------------------------------------------------------------------------


def draw_rule(width, theme, rule):
    return {"muon": draw_muon, "adafactor": draw_adafactor}[rule](width, theme)


def hues_of(rule, theme):
    """The colors of roles, and of the rule."""
    colors = page(theme)
    hues = {"ink": colors["ink"], "g": colors["grey"], "step": readable(rule, theme)}
    return hues | {"m": readable("momentum", theme), "v": readable("RMSprop", theme)}


def formula(figure, x, y, lines, hues, most):
    """Lines of pieces (role, text); return where they end."""
    for pieces in lines:
        parts = [(t, hues[role], "normal" if role == "ink" else "bold") for role, t in pieces]
        write_parts(figure, x, y, parts, 20, most)
        y += 32
    return y


def paragraph(figure, x, y, text, wide, color):
    """Lines of a text; return where they end."""
    for line in wrap(text, 12, wide):
        write(figure, x, y, line, color, 12)
        y += 18
    return y


def draw_muon(width, theme):
    narrow, hues = width < NARROW, hues_of("Muon", theme)
    figure = new_figure(width, 660 if narrow else 500, theme)
    lines = [
        [("m", "m"), ("ink", " ← μ "), ("m", "m"), ("ink", " + "), ("g", "g")],
        [("ink", "w ← w − lr · "), ("step", "round"), ("ink", "("), ("m", "m"), ("ink", ")")],
    ]
    lesson = (
        "A matrix makes an ellipse of the unit circle; its half axes are the singular values. Five "
        "rounds of Newton and Schulz's iteration make it nearly a circle: directions that "
        "gradients seldom take get steps about as long as the others."
    )
    if narrow:
        y = formula(figure, 8, 30, lines, hues, 384)
        paragraph(figure, 8, y, lesson, 384, hues["ink"])
        top, chart = 196, (36, 242, 350, 190)
        areas = [(133 * k, 484, 130, 176) for k in range(3)]
    else:
        y = formula(figure, 464, 40, lines, hues, 286)
        write(figure, 464, y + 4, "m   sum of gradients, fading: a matrix", hues["m"], 12.5)
        write(figure, 464, y + 28, "round   brings singular values near 1", hues["step"], 12.5)
        paragraph(figure, 464, 190, lesson, 288, hues["ink"])
        top, chart = 20, (36, 62, 400, 172)
        areas = [(254 * k, 292, 250, 208) for k in range(3)]
    title = "What rounds make of a singular value"
    head(figure, 8, top, title, "before: across; after 1, 2 and 5 rounds: up", theme, 14)
    curves(place(figure, *chart), hues, theme)
    for area, rounds in zip(areas, ROUNDS, strict=True):
        ellipse(figure, area, muon()[0][rounds], rounds, hues, theme)
    return figure


def curves(axes, hues, theme):
    """Singular values before and after; crosses are those of the ellipses."""
    dress(axes, theme)
    axes.set(xscale="log", xlim=(1e-3, 1.05), ylim=(0, 1.35))
    values = np.geomspace(1e-3, 1, 400)
    axes.axhspan(0.68, 1.21, color=page(theme)["grid"], lw=0, alpha=0.7)
    words = {"textcoords": "offset points", "fontsize": TICK * POINT}
    for rounds, at in ((1, 0.06), (2, 0.025), (5, 0.0022)):
        last = rounds == ROUNDS[-1]
        hue = hues["step"] if last else hues["g"]
        axes.plot(values, stretched(values, rounds), color=hue, lw=2.2 if last else 1.2)
        where = at, stretched(at, rounds)
        axes.annotate(str(rounds), where, (-9, 5), color=hue, weight="bold", **words)
    own = np.linalg.svd(muon()[0][0], compute_uv=False)
    marks = {**look("Muon", theme), "linestyle": "", "markersize": 9}
    axes.plot(own, stretched(own, ROUNDS[-1]), **marks | {"markeredgecolor": page(theme)["page"]})
    axes.set_xticks([1e-3, 1e-2, 1e-1, 1], ["0.001", "0.01", "0.1", "1"])
    axes.minorticks_off()
    axes.set_yticks([0, 1], ["0", "1"])


def ellipse(figure, area, matrix, rounds, hues, theme):
    """What a matrix makes of the unit circle."""
    x, y, wide, tall = area
    title = "m, scaled" if rounds == 0 else f"after {rounds} rounds"
    write(figure, x + wide / 2, y + 8, title, hues["ink"], 12.5, weight="bold", ha="center")
    room = min(wide, tall - 44)
    axes = place(figure, x + (wide - room) / 2, y + 16, room, room)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.set_axis_off()
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    axes.plot(*circle, color=hues["g"], lw=1, linestyle=(0, (1.5, 2)))
    axes.fill(*(matrix @ circle), color=hues["step"], alpha=0.18, lw=0)
    axes.plot(*(matrix @ circle), color=hues["step"], lw=2.2)
    left, sizes, _ = np.linalg.svd(matrix)
    for axis in (left * sizes).T:
        axes.plot(*np.transpose([-axis, axis]), color=hues["step"], lw=1.2)
    text = f"{sizes[0]:.2f} and {sizes[1]:.2f}"
    bold = {"ha": "center", "weight": "bold"}
    write(figure, x + wide / 2, y + tall - 10, text, hues["step"], LABEL, **bold)


def draw_adafactor(width, theme):
    narrow, hues = width < NARROW, hues_of("Adafactor", theme)
    mean, r, c, v = adafactor()
    figure = new_figure(width, 628 if narrow else 360, theme)
    lines = [
        [("ink", "w ← w − ρ RMS(w) · "), ("g", "g"), ("ink", " / "), ("v", "√v")],
        [("v", "v"), ("ink", " = "), ("v", "r c"), ("ink", " / mean of r")],
    ]
    lesson = (
        "Adam needs a mean of g² for each weight, here 54. Adafactor needs one for each row, r, "
        "and for each column, c: 15 numbers, whose products come near all 54."
    )
    formula(figure, 8, 30, lines, hues, 384)
    where = (8, 92, 384) if narrow else (400, 26, 352)
    y = paragraph(figure, *where[:2], lesson, where[2], hues["ink"])
    top, wide, tall, gap = (y + 6, 270, 150, 6) if narrow else (92, 288, 168, 6)
    corners = [(8, top), (8, top + tall + 84)] if narrow else [(8, top), (424, top)]
    style = {"cmap": ramp("sequential", theme), "vmin": 0, "vmax": max(mean.max(), v.max())}

    def show(box, values):
        axes = place(figure, *box)
        axes.imshow(values, aspect="auto", **style)
        axes.set_axis_off()

    titles = ("Mean of g², and those of rows and columns", "v, made from r and c alone")
    for (x, y), title, values in zip(corners, titles, (mean, v), strict=True):
        write(figure, x, y + 12, title, hues["ink"], 13.5, weight="bold")
        show((x, y + 26, wide, tall), values)
    x, y = corners[0]
    cell = wide / 9, tall / 6
    show((x + wide + gap, y + 26, cell[0], tall), r[:, None])
    show((x, y + 26 + tall + gap, wide, cell[1]), c[None])
    bold = {"weight": "bold", "va": "center"}
    write(figure, x + wide + gap + cell[0] + 8, y + 26 + tall / 2, "r", hues["v"], 16, **bold)
    middle = y + 26 + tall + gap + cell[1] / 2
    write(figure, x + wide + gap + 8, middle, "c", hues["v"], 16, **bold)
    return figure
