"""minigrad in the browser: the page "Play", in Chromium, and the pure wheel under Pyodide in Node.

``MINIGRAD_PYODIDE`` names the folder with Pyodide and NumPy's wheel (docs/browser.md). Without it,
what the page asks for is run as plain Python, and the page is looked at as it is without Pyodide.
"""

import contextlib
import functools
import http.server
import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad.datasets import mnist
from minigrad.lab.surfaces import RULES, SURFACES, descend

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PYODIDE = os.environ.get("MINIGRAD_PYODIDE")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_pyodide = pytest.mark.skipif(not PYODIDE, reason="MINIGRAD_PYODIDE names no folder")


def module(path):
    """The names in a file of the documentation; nothing is written beside it."""
    return types.SimpleNamespace(**runpy.run_path(str(path)))


@pytest.fixture(scope="module")
def player():
    return module(DOCS / "_static" / "play" / "player.py")


def ask(player, call, **arguments):
    return json.loads(player.answer(json.dumps({"call": call, **arguments})))


# --- what the page asks for, as plain Python -----------------------------------------------------


@pytest.mark.parametrize("name", SURFACES)
def test_map_has_equal_axes_and_shows_what_other_pictures_show(player, name):
    found, surface = ask(player, "ground", surface=name), SURFACES[name]
    (x0, x1), (y0, y1) = found["x"], found["y"]
    assert (x1 - x0) / (y1 - y0) == pytest.approx(player.FRAME)
    for (low, high), limits in (((x0, x1), surface.x_range), ((y0, y1), surface.y_range)):
        assert low <= limits[0] + 1e-9 and high >= limits[1] - 1e-9
    heights = np.frombuffer(player.base64.b64decode(found["heights"]), "<u2")
    heights = heights.reshape(found["rows"], found["columns"])
    if surface.minima:  # the lowest number is where the surface is lowest; row 0 is the largest y
        row, column = np.unravel_index(heights.argmin(), heights.shape)
        x = x0 + (x1 - x0) * column / (found["columns"] - 1)
        y = y1 - (y1 - y0) * row / (found["rows"] - 1)
        steps = [(x1 - x0) / found["columns"], (y1 - y0) / found["rows"]]
        assert min(max(abs(x - a) / steps[0], abs(y - b) / steps[1]) for a, b in surface.minima) < 2


@pytest.mark.parametrize("rule", RULES)
def test_path_is_that_of_the_laboratory(player, rule):
    found = ask(player, "path", surface="beale", rule=rule, start=[1.2, 0.7], steps=30, factor=0.5)
    surface = SURFACES["beale"]
    optimizer = RULES[rule](surface)
    optimizer.learning_rate = 0.5 * float(optimizer.learning_rate)
    expected = descend(surface, optimizer, (1.2, 0.7), 30)
    np.testing.assert_allclose(found["points"], expected.positions, atol=1e-4)
    np.testing.assert_allclose(found["values"], expected.values, rtol=1e-3)
    assert found["thrown_out"] is None


def test_path_says_when_the_rule_is_thrown_out(player):
    start = {"start": [-1.8, 0.8], "steps": 100, "factor": 4}
    found = ask(player, "path", surface="ravine", rule="SGD", **start)
    out = found["thrown_out"]
    assert 0 < out < 100
    assert len(found["values"]) == len(found["points"]) == out
    assert abs(found["values"][-1]) <= 1e6 * found["values"][0]


def test_what_the_page_says_to_try_is_so(player):
    def out(surface, start, factor=1):
        run = {"surface": surface, "start": start, "steps": 200, "factor": factor}
        names = ("SGD", "momentum", "RMSprop", "Adam")
        return [name for name in names if ask(player, "path", rule=name, **run)["thrown_out"]]

    assert out("beale", [4, 1.4]) == out("beale", [4, -1.4]) == ["SGD", "momentum"]
    start = SURFACES["ravine"].start
    assert [("SGD" in out("ravine", start, factor)) for factor in (1, 2, 4)] == [False, False, True]
    for rule in RULES:
        run = {"rule": rule, "start": [-1, 0], "steps": 100}
        path = ask(player, "path", surface="saddle", **run)
        assert {y for _, y in path["points"]} == {0}


def drawing(side, scale=1.0, x=0.0, y=0.0):
    """A 7: a bar and a slanted stroke, in an image of that side."""
    rows, columns = np.mgrid[:side, :side] / side
    u, v = (columns - 0.5 - x) / scale, (rows - 0.5 - y) / scale
    bar = (abs(v + 0.2) < 0.035) & (abs(u) < 0.15)
    stroke = (abs(u - 0.05 + (v + 0.2) * 0.4) < 0.04) & (abs(v) < 0.2)
    return (bar | stroke).astype("float32")


def test_drawing_looks_the_same_wherever_and_however_large_it_is(player):
    usual = player.centred(drawing(280))
    assert usual.shape == (28, 28)
    rows, columns = np.mgrid[:28, :28]
    assert (usual * rows).sum() / usual.sum() == pytest.approx(13.5, abs=0.1)
    assert (usual * columns).sum() / usual.sum() == pytest.approx(13.5, abs=0.1)
    assert np.ptp(np.flatnonzero(usual.max(axis=1) > 0.5)) + 1 == pytest.approx(20, abs=1)
    for other in (drawing(280, x=0.2, y=-0.2), drawing(280, 0.5), drawing(560, 1.4)):
        assert abs(player.centred(other) - usual).mean() < 0.01


def test_network_reads_the_drawing(player):
    found = ask(player, "digit", drawn=(255 * drawing(112)).ravel().tolist(), side=112)
    assert np.argmax(found["probabilities"]) == 7
    assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert len(found["units"]) == ask(player, "weights")["units"]
    assert ask(player, "digit", drawn=[0] * 784, side=28)["empty"]


def test_network_answers_digits_that_minigrad_draws(player):
    right = [
        int(np.argmax(ask(player, "sample", wanted=digit, seed=seed)["probabilities"])) == digit
        for seed in range(3)
        for digit in range(10)
    ]
    assert np.mean(right) > 0.7


def test_network_is_as_good_as_the_page_says(player):
    try:
        _, (x, y) = mnist.load_data()
    except OSError:
        pytest.skip("MNIST is not here")
    model, stored = player.network()
    units, probabilities = model.predict(x.astype("float32") / 255, batch_size=1000, verbose=0)
    assert (probabilities.argmax(axis=1) == y).mean() == pytest.approx(stored["accuracy"], abs=1e-4)
    assert np.flatnonzero(units.max(axis=0) == 0).tolist() == stored["dead"]


def test_unknown_call_is_refused(player):
    with pytest.raises(ValueError, match=r"expected call as one of versions, .*, got 'open'"):
        player.answer('{"call": "open"}')


# --- what the builder of the site adds -----------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("sphinx")
    return module(DOCS / "_extensions" / "browser.py")


@pytest.fixture
def runtime(browser, tmp_path):
    """A folder with files of the right names."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name in browser.RUNTIME:
        folder.joinpath(name).write_text("")
    folder.joinpath("numpy.whl").write_bytes(b"wheel")
    wheel = {"file_name": "numpy.whl", "sha256": browser.hashlib.sha256(b"wheel").hexdigest()}
    lock = json.dumps({"packages": {"numpy": wheel}})
    folder.joinpath("pyodide-lock.json").write_text(lock)
    return folder


def test_builder_takes_the_files_of_one_release(browser, runtime):
    assert [path.name for path in browser.runtime_files(runtime)] == [*browser.RUNTIME, "numpy.whl"]


@pytest.mark.parametrize("name", ["pyodide.mjs", "pyodide-lock.json", "numpy.whl"])
def test_builder_names_files_that_are_missing(browser, runtime, name):
    runtime.joinpath(name).unlink()
    message = f"MINIGRAD_PYODIDE: expected {name} in .*; docs/browser.md says where they come from"
    with pytest.raises(browser.ExtensionError, match=message):
        browser.runtime_files(runtime)


def test_builder_refuses_another_numpy(browser, runtime):
    runtime.joinpath("numpy.whl").write_bytes(b"another")
    with pytest.raises(browser.ExtensionError, match=r"expected the SHA-256 of pyodide-lock"):
        browser.runtime_files(runtime)


# --- Node ----------------------------------------------------------------------------------------

TRAIN = """
import warnings
warnings.simplefilter("error")
import minigrad
from minigrad import layers
from minigrad.datasets import synthetic_digits
from minigrad.lab import SURFACES, descend

minigrad.utils.set_random_seed(1)
(x, y), (x_test, y_test) = synthetic_digits.load_data(num_train=600, num_test=200)
model = minigrad.Sequential(
    [
        layers.Input(shape=(28, 28)),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
losses = model.fit(x / 255, y, epochs=4, verbose=0).history["loss"]
accuracy = model.evaluate(x_test / 255, y_test, verbose=0)[1]
path = descend(SURFACES["beale"], "adam", (1, 1), steps=50)
import json
print(json.dumps([minigrad.kernels.kind, losses, accuracy, path.positions.tolist()]))
"""
RUN_IN_NODE = """
const fs = require("fs");
const [folder, wheels, program] = process.argv.slice(2);
(async () => {
  const { loadPyodide } = await import("file://" + folder + "/pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage(JSON.parse(wheels), { messageCallback: () => {} });
  pyodide.runPython(fs.readFileSync(program, "utf8"));
})().catch((error) => { console.error(error.message); process.exit(1); });
"""


def last_line(*command, **environment):
    """The last line, JSON, that a command prints, which has to succeed."""
    result = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def wheel(browser, tmp_path_factory):
    """The pure wheel, as the builder of the site makes it."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    return folder / browser.build_wheel(folder)


@needs_pyodide
@pytest.mark.skipif(not shutil.which("node"), reason="Node is not here")
def test_wheel_trains_in_node_as_the_twins_do_here(browser, wheel, tmp_path):
    numpy = browser.runtime_files(PYODIDE)[-1]
    tmp_path.joinpath("train.py").write_text(TRAIN, "utf-8")
    tmp_path.joinpath("run.cjs").write_text(RUN_IN_NODE, "utf-8")
    wheels = json.dumps([f"file://{path.resolve()}" for path in (numpy, wheel)])
    folder = Path(PYODIDE).resolve()
    there = last_line("node", tmp_path / "run.cjs", folder, wheels, tmp_path / "train.py")
    here = last_line(sys.executable, tmp_path / "train.py", MINIGRAD_KERNELS="reference")
    assert there[0] == here[0] == "reference"
    np.testing.assert_allclose(there[1], here[1], rtol=1e-3)  # other exp, other order of sums
    assert there[2] > 0.5
    np.testing.assert_allclose(there[3], here[3], rtol=1e-12)


# --- the page in a browser -----------------------------------------------------------------------

CONF = """
import sys
sys.path.insert(0, {extensions!r})
project = "minigrad"
extensions = ["myst_parser", "browser"]
html_theme = {theme!r}
html_static_path = [{static!r}]
html_css_files = ["site.css"]
suppress_warnings = ["myst.xref_missing"]
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """``build(folder)``: a site of the two pages, with the runtime in that folder or without."""
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")
    theme = "furo" if importlib.util.find_spec("furo") else "alabaster"

    @functools.cache
    def build(folder):
        if folder:
            pytest.importorskip("Cython")
            pytest.importorskip("setuptools", minversion="77")
        source = tmp_path_factory.mktemp("source")
        for page in ("play.md", "browser.md"):
            shutil.copy(DOCS / page, source)
        source.joinpath("index.md").write_text("# minigrad\n\n```{toctree}\nplay\nbrowser\n```\n")
        paths = {"extensions": str(DOCS / "_extensions"), "static": str(DOCS / "_static")}
        source.joinpath("conf.py").write_text(CONF.format(theme=theme, **paths))
        environment = {**os.environ, "MINIGRAD_PYODIDE": folder or ""}
        site = source / "site"
        built = subprocess.run(
            [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(source), str(site)],
            env=environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        return site

    return build


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("Chromium is not here")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def served(site):
    """The address of a site, served by this process."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def opened(chromium, site, state, page="play.html", **screen):
    """A page, once minigrad runs in it or is missing; no error, and no request elsewhere."""
    with served(site) as address, chromium.new_context(**screen) as context:
        tab, errors, asked = context.new_page(), [], []
        tab.set_default_timeout(180_000)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        context.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{address}/{page}")
        if state:
            tab.wait_for_selector("#play-status:not([data-state=loading])", state="attached")
            status = tab.locator("#play-status")
            assert status.get_attribute("data-state") == state, status.inner_text()
        yield tab
        assert errors == []
        assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def settled(tab):
    """Wait until all paths are computed."""
    tab.wait_for_selector("#play-map[data-busy='no']")


def table(tab):
    """{rule: what the table says of it}, once all paths are there."""
    settled(tab)
    rows = tab.locator("#play-table tbody tr")
    return {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows.all()
    }


def start_of(tab):
    return [float(tab.locator(name).input_value()) for name in ("#play-x", "#play-y")]


def test_page_without_python_shows_what_was_computed_and_says_what_is_missing(
    chromium, build, player
):
    with opened(chromium, build(None), "missing") as tab:
        assert "built without Python for browsers (MINIGRAD_PYODIDE)" in tab.inner_text(
            "#play-status"
        )
        assert set(table(tab)) == {"SGD", "momentum", "RMSprop", "Adam"}
        tab.select_option("#play-surface", "ravine")
        tab.wait_for_function(
            "document.getElementById('play-formula').textContent.includes('Ravine')"
        )
        tab.click("[data-digit='7']")
        found = ask(player, "sample", wanted=7, seed=0)["probabilities"]
        says = tab.locator("#play-bars tr").nth(7).locator("td").last.inner_text()
        assert says == f"{100 * found[7]:.1f} %"
        assert tab.locator("#play-factor").is_disabled()
        box = tab.locator("#play-map").bounding_box()
        before = start_of(tab)
        tab.mouse.click(box["x"] + 20, box["y"] + 20)
        assert start_of(tab) == before


def test_rest_of_the_site_loads_without_python(chromium, build):
    with opened(chromium, build(None), None, "browser.html") as tab:
        assert tab.inner_text("h1").startswith("minigrad in the browser")


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1100, 1280])
def test_no_page_is_wider_than_the_screen(chromium, build, width):
    pytest.importorskip("furo")  # site.css is written for this theme
    with opened(chromium, build(None), "missing") as tab:
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_fingers_find_what_they_are_meant_to_touch(chromium, build):
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    with opened(chromium, build(None), "missing", **phone) as tab:
        tab.wait_for_selector(".play-chip")
        for kind in (".play-chip", ".play select", ".play button", ".play input[type=range]"):
            for box in tab.locator(kind).all():
                assert box.bounding_box()["height"] >= 24, kind


@pytest.fixture(scope="module")
def running(chromium, build):
    """The page in which minigrad runs."""
    if not PYODIDE:
        pytest.skip("MINIGRAD_PYODIDE names no folder")
    with opened(chromium, build(PYODIDE), "ready") as tab:
        yield tab


def test_page_runs_this_minigrad(running):
    words = running.inner_text("#play-status")
    assert words.startswith(f"minigrad {minigrad.__version__} runs in this page")
    assert "reference" in words


def test_cross_is_dragged_by_the_mouse(running, player):
    running.select_option("#play-surface", "beale")
    settled(running)
    running.locator("#play-map").scroll_into_view_if_needed()
    box = running.locator("#play-map").bounding_box()
    running.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    running.mouse.down()
    running.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    running.mouse.up()
    settled(running)
    start, ground = start_of(running), ask(player, "ground", surface="beale")
    (x0, x1), (y0, y1) = ground["x"], ground["y"]
    assert start == pytest.approx([x0 + 0.3 * (x1 - x0), y1 - 0.4 * (y1 - y0)], abs=0.02)
    steps = int(running.locator("#play-steps").get_attribute("max"))
    for rule, (value, _, out) in table(running).items():
        run = {"start": start, "steps": steps, "factor": 1}
        expected = ask(player, "path", surface="beale", rule=rule, **run)
        if expected["thrown_out"] is None and expected["values"][-1] > 0.01:
            assert float(value) == pytest.approx(expected["values"][-1], rel=0.02, abs=0.006)
        assert bool(out) == (expected["thrown_out"] is not None)


def test_cross_moves_and_rules_run_without_a_mouse(running):
    running.select_option("#play-surface", "ravine")
    settled(running)
    before = start_of(running)
    running.locator("#play-map").focus()
    running.keyboard.press("ArrowRight")
    running.keyboard.press("ArrowDown")
    settled(running)
    after = start_of(running)
    assert after[0] > before[0] and after[1] < before[1]
    running.keyboard.press("Home")
    settled(running)
    assert start_of(running) == before
    running.locator("#play-factor").focus()
    running.keyboard.press("ArrowRight")
    running.keyboard.press("ArrowRight")
    settled(running)
    assert table(running)["SGD"][0] == "thrown out"
    assert re.search(r"Thrown out: .*SGD", running.inner_text("#play-summary"))
    running.keyboard.press("Home")  # a slider's own key: the smallest
    running.locator("#rule-Lion").focus()
    running.keyboard.press("Space")
    settled(running)
    assert "Lion" in table(running)


def test_digit_is_drawn_by_the_mouse(running):
    running.click("#play-clear")
    running.locator("#play-pad").scroll_into_view_if_needed()
    box = running.locator("#play-pad").bounding_box()
    corners = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]  # a 7
    places = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in corners]
    running.mouse.move(*places[0])
    running.mouse.down()
    for place in places[1:]:
        running.mouse.move(*place, steps=8)
    running.mouse.up()
    running.wait_for_function(
        "document.getElementById('play-answer').textContent.startsWith('It says 7')"
    )


def test_digit_is_drawn_by_keys(running):
    running.click("#play-clear")
    running.wait_for_function(
        "document.getElementById('play-answer').textContent.includes('empty')"
    )
    running.locator("#play-pad").focus()
    running.keyboard.press("Space")
    for _ in range(9):
        running.keyboard.press("ArrowDown")
    running.keyboard.press("Space")
    running.wait_for_function(
        "document.getElementById('play-answer').textContent.startsWith('It says 1')"
    )
    assert running.inner_text("#play-pen") == "The pen is up."


def test_wheel_in_the_site_is_pure(build):
    if not PYODIDE:
        pytest.skip("MINIGRAD_PYODIDE names no folder")
    (built,) = build(PYODIDE).glob("_static/pyodide/minigrad*.whl")
    with zipfile.ZipFile(built) as archive:
        assert "minigrad/kernels/pure.txt" in archive.namelist()
