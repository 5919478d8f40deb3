"""Each row of the optimizer pages' tables of differences, proven.

A row says that two libraries differ in one thing. So there are settings for which they agree, and
settings that change this one thing, for which they do not. minigrad is compared with the formulas
on the page; both are compared with the numbers that Keras and PyTorch computed (golden/), and with
the libraries themselves where they are installed. A row without a proof here fails.

``python tests/docs/test_differences.py`` rewrites the golden numbers; it needs both libraries.
"""

import dataclasses
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

from minigrad import Parameter, optimizers
from minigrad.optimizers import schedules

DOCS = Path(__file__).parents[2] / "docs"
GOLDEN = Path(__file__).parents[1] / "golden" / "optimizer_differences.json"
PAGES = sorted((DOCS / "optimizers").glob("[!i]*.md"))  # all but the index

KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2

MINIGRAD = {**vars(optimizers), **vars(schedules)}
FALLING = "PiecewiseConstantDecay([3], [0.1, 0.02])"  # for the steps counted 0 to 3, and then
FALLING_RATES = [0.1] * 4 + [0.02] * 4

START = [0.5, -1.0, 0.25]
GRADIENTS = np.float32(
    [[0.5, -1.5, 0.25], [-1.0, 0.5, 0.5], [0.75, 1.25, -1.0], [0.1, -0.1, 2.0],
     [0.25, 0.3, 0.5], [-0.5, 0.7, 1.5], [1.0, -0.2, -0.75], [0.5, 0.6, 0.3]]
).astype(float)  # fmt: skip


@dataclasses.dataclass
class Row:
    """One row of a page's table: a pair of settings that agree, and one that do not.

    A pair is a case for minigrad and Keras, such as "Adam(0.1)", and the arguments of the page's
    function of the other side, ``pytorch_adam`` or the function named.
    """

    page: str
    title: str
    same: tuple
    different: tuple
    other: str = ""

    @property
    def function(self):
        return self.other or f"pytorch_{self.page}"

    @property
    def is_pytorch(self):
        return self.function.startswith("pytorch")


EPSILON, DECAY = "where ε is added", "weight decay λ"
ROWS = [
    Row(
        "sgd",
        "where lr enters the velocity",
        same=("SGD(0.1, momentum=0.9)", {"lr": 0.1, "momentum": 0.9}),
        different=(f"SGD({FALLING}, momentum=0.9)", {"lr": FALLING_RATES, "momentum": 0.9}),
    ),
    Row(
        "sgd",
        DECAY,
        same=("SGD(0.1, weight_decay=0.5)", {"lr": 0.1, "weight_decay": 0.5}),
        different=(
            "SGD(0.1, momentum=0.9, weight_decay=0.5)",
            {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.5},
        ),
    ),
    Row(
        "adagrad",
        EPSILON,
        same=("Adagrad(0.1, 0.0, 0.0)", {"lr": 0.1, "eps": 0.0}),
        different=("Adagrad(0.1, 0.0, 0.1)", {"lr": 0.1, "eps": 0.1}),
    ),
    Row(
        "adagrad",
        DECAY,
        same=("Adagrad(0.1, 0.0, 0.0)", {"lr": 0.1, "eps": 0.0}),
        different=(
            "Adagrad(0.1, 0.0, 0.0, weight_decay=0.5)",
            {"lr": 0.1, "eps": 0.0, "weight_decay": 0.5},
        ),
    ),
    Row(
        "rmsprop",
        EPSILON,
        same=("RMSprop(0.1, epsilon=0.0)", {"lr": 0.1, "alpha": 0.9, "eps": 0.0}),
        different=("RMSprop(0.1, epsilon=0.1)", {"lr": 0.1, "alpha": 0.9, "eps": 0.1}),
    ),
    Row(
        "rmsprop",
        "where lr enters the momentum",
        same=(
            "RMSprop(0.1, momentum=0.9, centered=True, epsilon=0.0)",
            {"lr": 0.1, "alpha": 0.9, "momentum": 0.9, "centered": True, "eps": 0.0},
        ),
        different=(
            f"RMSprop({FALLING}, momentum=0.9, centered=True, epsilon=0.0)",
            {"lr": FALLING_RATES, "alpha": 0.9, "momentum": 0.9, "centered": True, "eps": 0.0},
        ),
    ),
    Row(
        "rmsprop",
        DECAY,
        same=("RMSprop(0.1, epsilon=0.0)", {"lr": 0.1, "alpha": 0.9, "eps": 0.0}),
        different=(
            "RMSprop(0.1, epsilon=0.0, weight_decay=0.5)",
            {"lr": 0.1, "alpha": 0.9, "eps": 0.0, "weight_decay": 0.5},
        ),
    ),
    Row(
        "adam",
        EPSILON,
        same=("Adam(0.1, epsilon=0.0)", {"lr": 0.1, "eps": 0.0}),
        different=("Adam(0.1, epsilon=0.1)", {"lr": 0.1, "eps": 0.1}),
    ),
    Row(
        "adam",
        "the bias, with AMSGrad",
        same=(  # with both betas 0 there is no bias
            "Adam(0.1, beta_1=0.0, beta_2=0.0, epsilon=0.0, amsgrad=True)",
            {"lr": 0.1, "betas": (0.0, 0.0)},
        ),
        different=("Adam(0.1, epsilon=0.0, amsgrad=True)", {"lr": 0.1}),
        other="paper_amsgrad",
    ),
    Row(
        "adam",
        DECAY,
        same=("Adam(0.1, epsilon=0.0, amsgrad=True)", {"lr": 0.1, "eps": 0.0, "amsgrad": True}),
        different=(
            "Adam(0.1, epsilon=0.0, weight_decay=0.5)",
            {"lr": 0.1, "eps": 0.0, "weight_decay": 0.5},
        ),
    ),
    Row(
        "adamw",
        EPSILON,
        same=("AdamW(0.1, 0.5, epsilon=0.0)", {"lr": 0.1, "weight_decay": 0.5, "eps": 0.0}),
        different=("AdamW(0.1, 0.5, epsilon=0.1)", {"lr": 0.1, "weight_decay": 0.5, "eps": 0.1}),
    ),
    Row(
        "adamw",
        "what λ is multiplied by",
        same=("AdamW(0.1, 0.5, epsilon=0.0)", {"lr": 0.1, "weight_decay": 0.05, "eps": 0.0}),
        different=("AdamW(0.1, 0.05, epsilon=0.0)", {"lr": 0.1, "weight_decay": 0.05, "eps": 0.0}),
        other="paper_adamw",
    ),
    Row(
        "nadam",
        "the momentum's schedule",
        same=("Nadam(0.1, epsilon=0.1)", {"lr": 0.1, "eps": 0.1, "momentum_decay": 1.0}),
        different=("Nadam(0.1, epsilon=0.1)", {"lr": 0.1, "eps": 0.1}),
    ),
    Row(
        "nadam",
        DECAY,
        same=("Nadam(0.1, epsilon=0.1)", {"lr": 0.1, "eps": 0.1, "momentum_decay": 1.0}),
        different=(
            "Nadam(0.1, epsilon=0.1, weight_decay=0.5)",
            {"lr": 0.1, "eps": 0.1, "momentum_decay": 1.0, "weight_decay": 0.5},
        ),
    ),
    Row(
        "adamax",
        EPSILON,
        same=("Adamax(0.1, epsilon=0.0)", {"lr": 0.1, "eps": 0.0}),
        different=(
            "Adamax(0.1, beta_2=0.9, epsilon=0.1)",
            {"lr": 0.1, "betas": (0.9, 0.9), "eps": 0.1},
        ),
    ),
    Row(
        "adamax",
        DECAY,
        same=("Adamax(0.1, epsilon=0.0)", {"lr": 0.1, "eps": 0.0}),
        different=(
            "Adamax(0.1, epsilon=0.0, weight_decay=0.5)",
            {"lr": 0.1, "eps": 0.0, "weight_decay": 0.5},
        ),
    ),
    Row(
        "adadelta",
        DECAY,
        same=("Adadelta(1.0, 0.9, 1e-6)", {}),
        different=("Adadelta(1.0, 0.9, 1e-6, weight_decay=0.5)", {"weight_decay": 0.5}),
    ),
    Row(
        "adafactor",
        "where ε₁ is",
        same=("Adafactor(0.1)", {"lr": 0.1, "eps": (1e-30, 0.001)}),
        different=("Adafactor(0.1, epsilon_1=0.1)", {"lr": 0.1, "eps": (0.1, 0.001)}),
    ),
    Row(
        "adafactor",
        DECAY,
        same=("Adafactor(0.1)", {"lr": 0.1, "eps": (1e-30, 0.001)}),
        different=("Adafactor(0.1, weight_decay=0.5)", {"lr": 0.1, "weight_decay": 0.5}),
    ),
]

# Rows that have a test of their own below.
OTHER_ROWS = {
    ("sgd", "where Nesterov takes the gradient"): "test_nesterov_weights_are_the_papers_next_look",
    ("rmsprop", "v - m² < 0, by rounding"): "test_centered_rmsprop_meets_nan_elsewhere",
    ("muon", "the factor of lr"): "test_muons_factors_are_those_of_the_page",
    ("muon", "the iteration's type"): "test_pytorchs_muon_rounds_to_bfloat16",
    ("muon", "other weights"): "test_pytorchs_muon_refuses_other_weights",
    ("adafactor", "v of whole matrices"): "test_pytorchs_adafactor_keeps_rows_and_columns_alone",
}

# --- steps of each library ---------------------------------------------------------------------


def minigrad_walk(case, start=START, gradients=GRADIENTS):
    optimizer = eval(case, dict(MINIGRAD))
    weight = Parameter(start, dtype="float64")
    for g in gradients:
        optimizer.apply([g], [weight])
    return weight.data


def keras_walk(keras, case, start=START, gradients=GRADIENTS):
    optimizer = eval(case, {**vars(keras.optimizers), **vars(keras.optimizers.schedules)})
    weight = keras.Variable(np.float32(start))
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(g))], [weight])
    return keras.ops.convert_to_numpy(weight)


def pytorch_rule(torch, page):
    """PyTorch's rule of that name, or None."""
    return {name.lower(): rule for name, rule in vars(torch.optim).items()}.get(page)


def pytorch_walk(torch, page, arguments, start=START, gradients=GRADIENTS):
    rates = arguments.get("lr")
    arguments = {name: value for name, value in arguments.items() if not isinstance(value, list)}
    weight = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = pytorch_rule(torch, page)([weight], **arguments)
    for step, g in enumerate(gradients):
        if isinstance(rates, list):
            optimizer.param_groups[0]["lr"] = rates[step]
        weight.grad = torch.from_numpy(g)
        optimizer.step()
    return weight.detach().numpy()


def page_walk(run_page, row, arguments):
    names = run_page(f"optimizers/{row.page}.md")
    return names[row.function](np.array(START), GRADIENTS, **arguments)


@pytest.fixture(scope="module")
def recorded():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def distance(found, expected):
    """The largest deviation, relative to the distance that the weights have moved."""
    return np.max(np.abs(np.subtract(found, expected))) / np.max(
        np.abs(np.subtract(expected, START))
    )


def key(row, arguments):
    return f"{row.page}({', '.join(f'{name}={value}' for name, value in arguments.items())})"


def row_id(row):
    return f"{row.page}, {row.title}".encode("ascii", "ignore").decode()


# --- the rows ----------------------------------------------------------------------------------


def table_rows(page):
    """The cells of each row of the page's table of differences."""
    text = page.read_text(encoding="utf-8")
    table = text.partition("## Where libraries differ\n")[2].strip().partition("\n\n")[0]
    lines = table.splitlines()[2:]  # without the header
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# (page, argument, minigrad's and Keras's default, PyTorch's) of the rows about defaults
DEFAULTS = [
    (page.stem, title.strip("`"), ours, theirs)
    for page in PAGES
    for title, ours, theirs, _ in table_rows(page)
    if title.startswith("`")
]


def test_every_optimizer_has_its_page():
    names = set(optimizers.OPTIMIZERS.names)
    assert {page.stem for page in PAGES} == names


def test_every_row_of_the_tables_is_proven():
    shown = {(page.stem, row[0]) for page in PAGES for row in table_rows(page)}
    defaults = {(page, f"`{argument}`") for page, argument, _, _ in DEFAULTS}
    proven = {(row.page, row.title) for row in ROWS} | set(OTHER_ROWS) | defaults
    assert shown == proven
    assert set(OTHER_ROWS.values()) <= set(globals())


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_row_tells_what_parts_the_two(run_page, row):
    for (case, arguments), agree in [(row.same, True), (row.different, False)]:
        apart = distance(page_walk(run_page, row, arguments), minigrad_walk(case))
        assert apart < 1e-12 if agree else apart > 1e-3, case


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_row_agrees_with_the_golden_numbers(run_page, recorded, row):
    for case, arguments in (row.same, row.different):
        assert distance(minigrad_walk(case), recorded["keras"][case]) < 1e-5, case
        if row.is_pytorch:
            golden = recorded["pytorch"][key(row, arguments)]
            # PyTorch's NAdam keeps one of its numbers in float32.
            assert distance(page_walk(run_page, row, arguments), golden) < 1e-7, arguments


@KERAS_WARNS
def test_rows_agree_with_keras():
    keras = pytest.importorskip("keras")
    for row in ROWS:
        for case, _ in (row.same, row.different):
            assert distance(minigrad_walk(case), keras_walk(keras, case)) < 1e-5, case


def test_rows_agree_with_pytorch(run_page):
    torch = pytest.importorskip("torch")
    for row in ROWS:
        for _, arguments in (row.same, row.different) if row.is_pytorch else ():
            theirs = pytorch_walk(torch, row.page, arguments)
            assert distance(page_walk(run_page, row, arguments), theirs) < 1e-7, (row, arguments)


# --- the defaults ------------------------------------------------------------------------------


def default_of(function, argument):
    return inspect.signature(function).parameters[argument].default


def pytorch_name(page, argument):
    if page == "rmsprop" and argument == "rho":
        return "alpha"
    return {"learning_rate": "lr", "epsilon": "eps"}.get(argument, argument)


@pytest.mark.parametrize(("page", "argument", "ours", "theirs"), DEFAULTS)
def test_default_is_minigrads_and_the_pages(run_page, page, argument, ours, theirs):
    assert optimizers.get(page).get_config()[argument] == float(ours)
    if theirs != "–":
        function = run_page(f"optimizers/{page}.md")[f"pytorch_{page}"]
        assert default_of(function, pytorch_name(page, argument)) == float(theirs)


@KERAS_WARNS
def test_defaults_are_keras():
    keras = pytest.importorskip("keras")
    known = {name.lower() for name in vars(keras.optimizers)}
    for page, argument, ours, _ in DEFAULTS:
        if page not in known:
            continue  # a rule that Keras lacks
        config = keras.optimizers.get(page).get_config()  # its learning rate is float32
        assert config[argument] == pytest.approx(float(ours), rel=1e-6), (page, argument)


def test_defaults_are_pytorchs():
    torch = pytest.importorskip("torch")
    for page, argument, _, theirs in DEFAULTS:
        rule = pytorch_rule(torch, page)
        if rule is None:
            assert theirs == "–", page
        else:
            assert default_of(rule, pytorch_name(page, argument)) == float(theirs), (page, argument)


# --- rows with separate tests ------------------------------------------------------------------


def test_nesterov_weights_are_the_papers_next_look(run_page):
    curvature = np.array([0.3, 1.0, 2.0])
    optimizer = optimizers.SGD(0.1, momentum=0.8, nesterov=True)
    weight = Parameter(START, dtype="float64")
    for _ in range(6):
        optimizer.apply([curvature * weight.data], [weight])
    paper = run_page("optimizers/sgd.md")["paper_sgd"]
    at, ahead = paper(np.array(START), lambda w: curvature * w, lr=0.1, momentum=0.8, steps=6)
    assert distance(weight.data, ahead) < 1e-12
    assert distance(weight.data, at) > 1e-2


def test_libraries_take_nesterovs_gradient_at_the_weights(run_page, recorded):
    case, arguments = "SGD(0.1, momentum=0.9, nesterov=True)", {"lr": 0.1, "momentum": 0.9}
    ours = minigrad_walk(case)
    assert distance(ours, recorded["keras"][case]) < 1e-5
    theirs = run_page("optimizers/sgd.md")["pytorch_sgd"]
    assert distance(theirs(np.array(START), GRADIENTS, **arguments, nesterov=True), ours) < 1e-12


def matrices(shape=(7, 5)):
    generator = np.random.default_rng(3)
    return generator.normal(size=shape), generator.normal(size=(6, *shape))


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6)])
def test_muons_factors_are_those_of_the_page(run_page, shape):
    w, gradients = matrices(shape)
    theirs = run_page("optimizers/muon.md")["pytorch_muon"]
    case = "Muon(0.1, weight_decay=0.1, rms_rate=0.2)"
    ours = minigrad_walk(case, w, gradients)
    for request, factor in [
        ("match_rms_adamw", 0.2 * max(shape) ** 0.5),
        ("original", max(1, shape[0] / shape[1]) ** 0.5),
    ]:
        walk = theirs(w, gradients, lr=0.1, adjust_lr_fn=request)
        rate = factor / max(shape) ** 0.5
        same = minigrad_walk(f"Muon(0.1, weight_decay=0.1, rms_rate={rate})", w, gradients)
        assert np.abs(walk - same).max() < 1e-5  # where 1e-7 is added to the norm
        assert (np.abs(walk - ours).max() < 1e-5) == (request == "match_rms_adamw")


@pytest.mark.parametrize("factor", ["original", "match_rms_adamw"])
def test_pytorchs_muon_rounds_to_bfloat16(run_page, factor):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    w, gradients = matrices()
    arguments = {"lr": 0.1, "adjust_lr_fn": factor}
    ours = run_page("optimizers/muon.md")["pytorch_muon"](w, gradients, **arguments)
    theirs = pytorch_walk(torch, "muon", arguments, w, gradients)
    apart = np.abs(theirs - ours).max() / np.abs(ours - w).max()
    assert 1e-4 < apart < 0.05


def test_pytorchs_muon_refuses_other_weights():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    with pytest.raises(ValueError, match="2D"):
        torch.optim.Muon([torch.zeros(3, requires_grad=True)])
    adams = minigrad_walk("AdamW(0.1, weight_decay=0.004)")
    np.testing.assert_array_equal(minigrad_walk("Muon(0.1)"), adams)


def test_pytorchs_adafactor_keeps_rows_and_columns_alone():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Adafactor"):
        pytest.skip("this PyTorch has no Adafactor")
    w, gradients = matrices()
    ours = minigrad_walk("Adafactor(0.1)", w, gradients)
    arguments = {"lr": 0.1, "eps": (1e-30, 1e-3)}
    theirs = pytorch_walk(torch, "adafactor", arguments, w, gradients)
    assert np.abs(ours - theirs).max() < 1e-9
    weight = torch.zeros((7, 5), requires_grad=True)
    optimizer = torch.optim.Adafactor([weight])
    weight.grad = torch.ones((7, 5))
    optimizer.step()
    assert {"row_var", "col_var", "step"} == set(optimizer.state[weight])


def constant_gradients():
    return np.tile(np.linspace(50, 1000, 501, dtype=np.float32), (200, 1))


@KERAS_WARNS
@pytest.mark.parametrize("library", ["keras", "torch"])
def test_centered_rmsprop_meets_nan_elsewhere(library):
    module = pytest.importorskip(library)
    gradients, start = constant_gradients(), np.zeros(501)
    if library == "keras":
        theirs = keras_walk(module, "RMSprop(centered=True)", start, gradients)
    else:
        weight = module.zeros(501, requires_grad=True)
        optimizer = module.optim.RMSprop([weight], alpha=0.9, centered=True)
        for g in gradients:
            weight.grad = module.from_numpy(g)
            optimizer.step()
        theirs = weight.detach().numpy()
    assert np.isnan(theirs).any()


def record():
    import keras
    import torch

    cases = {"SGD(0.1, momentum=0.9, nesterov=True)"}
    golden = {"keras": {"version": keras.__version__}, "pytorch": {"version": torch.__version__}}
    for row in ROWS:
        for case, arguments in (row.same, row.different):
            cases.add(case)
            if row.is_pytorch:
                walk = pytorch_walk(torch, row.page, arguments)
                golden["pytorch"][key(row, arguments)] = walk.tolist()
    golden["keras"] |= {case: keras_walk(keras, case).tolist() for case in sorted(cases)}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
