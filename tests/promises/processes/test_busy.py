"""A busy machine slows training down and changes no result."""

import subprocess
import sys

import pytest

# Large enough that every kernel has tasks for several threads.
ALONE = """
big, labels = rng.normal(size=(64, 28, 28, 8)).astype("float32"), rng.integers(0, 5, 64)

def train_large():
    random.set_random_seed(1)
    model = models.Sequential([
        layers.Conv2D(24, 3, activation="relu"), layers.BatchNormalization(), layers.Conv2D(16, 3),
        layers.MaxPooling2D(), layers.Activation("tanh"), layers.Dropout(0.3), layers.Flatten(),
        layers.Dense(200, activation="relu"), layers.Dense(5, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(big, labels, epochs=4, verbose=0)
    return bits(model)

print(train(1), train_large())
"""

BURN = """
import sys
import numpy as np
print("burning", flush=True)
a = np.ones((300, 300))
while True:
    a @ a
    sum(range(10_000))
"""


@pytest.fixture
def start_burners():
    """Start processes that burn more cores than there are; they are ended afterwards."""
    burners = []

    def start():
        for _ in range(4):
            command = [sys.executable, "-c", BURN]
            burners.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for burner in burners:
            burner.stdout.readline()

    yield start
    for burner in burners:
        burner.kill()
        burner.wait()
        burner.stdout.close()


def test_a_busy_machine_changes_no_bit(run_script, start_burners, trials):
    expected = run_script(ALONE)
    start_burners()
    for threads, _ in zip((2, 7, 1, 64), trials(2, 4), strict=False):
        assert run_script(ALONE, MINIGRAD_NUM_THREADS=str(threads)) == expected


BURNING_THREADS = """
expected, stop = train(1), threading.Event()

def burn():
    while not stop.is_set():
        sum(range(10_000))

threads = [threading.Thread(target=burn) for _ in range(4)]
for thread in threads:
    thread.start()
try:
    for switch in (1e-6, 0.005):
        sys.setswitchinterval(switch)
        assert train(1) == expected
finally:
    stop.set()
"""


def test_busy_threads_of_the_process_itself_change_no_bit(run_script):
    run_script(BURNING_THREADS)
