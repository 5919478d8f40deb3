"""Child processes train, however they were made and whatever the parent was doing."""

import multiprocessing
import os

import pytest

METHODS = multiprocessing.get_all_start_methods()
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

POOLS = """
import concurrent.futures
import multiprocessing

if __name__ == "__main__":
    alone = [train(1), train(2)]
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        assert pool.map(train, [1, 2]) == alone
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        assert list(executor.map(train, [1, 2])) == alone
    process = context.Process(target=train, args=(1,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert train(1) == alone[0]
"""


@pytest.mark.parametrize("method", METHODS)
def test_children_train_with_the_bits_of_training_alone(run_script, method):
    run_script(POOLS, method)


HISTORIES = """
import multiprocessing

def fit(seed):
    random.set_random_seed(seed)
    model = make_model()
    return model, model.fit(x, y, epochs=2, verbose=0)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (model, history), = pool.map(fit, [3])
    expected, history_here = fit(3)
    assert history.history == history_here.history
    assert bits(model) == bits(expected)
"""


def test_models_and_histories_come_back_from_a_child(run_script):
    run_script(HISTORIES)


# Half of the children train, the others draw, seed, or set another number of threads.
BUSY = """
expected, small = train(1), np.ones((400, 400), "float32")
stop = threading.Event()

def multiply():
    while not stop.is_set():
        ops.matmul(small, small)

def seed():
    while not stop.is_set():
        random.set_random_seed(4)
        random.next_seed()

def draw():
    while not stop.is_set():
        np.random.normal(size=100_000)  # it holds the lock of NumPy's legacy generator

def build():
    while not stop.is_set():
        make_model()

def set_threads():
    while not stop.is_set():
        for number in (1, 3, 2):
            minigrad.set_num_threads(number)

threads = [threading.Thread(target=each) for each in (multiply, seed, draw, build, set_threads)]
for thread in threads:
    thread.start()
for i in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(300)  # only a child that hangs is ended by it
            if i % 2:
                assert train(1) == expected
            random.next_seed()
            random.set_random_seed(2)
            minigrad.set_num_threads(1 + i % 4)
            assert (ops.matmul(small, small).data == 400).all()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0, (i, status)
stop.set()
for thread in threads:
    thread.join()
assert train(1) == expected
"""


@forks
def test_children_run_though_other_threads_held_every_lock(run_script, trials):
    run_script(BUSY, len(list(trials(16, 2000))))


HELD = """
import importlib, importlib.util, pkgutil

left_out = [".kernels."] + [".estimators"] * (importlib.util.find_spec("sklearn") is None)
for found in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
    if not any(part in found.name for part in left_out):
        importlib.import_module(found.name)
kinds = type(threading.Lock()), type(threading.RLock())
parts = [module for name, module in sys.modules.items() if name.startswith("minigrad")]
locks = {id(each): each for part in parts for each in vars(part).values() if type(each) in kinds}
locks = [*locks.values(), np.random.get_bit_generator().lock]
assert len(locks) > 1
for lock in locks:
    is_held = threading.Event()

    def hold():
        with lock:
            is_held.set()
            time.sleep(0.1)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(300)
        with lock:
            pass
        random.set_random_seed(random.next_seed() % 7)  # outside: NumPy 2.0's lock counts no owner
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, (lock, status)
    thread.join()
"""


@forks
def test_a_child_can_take_each_lock_that_another_thread_held(run_script):
    run_script(HELD)


GENERATIONS = """
expected = train(1)

def fork(run):
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(300)
            run()
            sys.stdout.flush()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status

def grandchild():
    minigrad.set_num_threads(4)
    assert train(1) == expected

def child():
    assert count_threads() == 1, "a child begins without the pool's threads"
    fork(grandchild)
    minigrad.set_num_threads(2)
    assert train(1) == expected
    fork(grandchild)

fork(child)
other = threading.Thread(target=fork, args=(child,))  # a child whose main thread was another
other.start()
other.join()  # at interpreter shutdown Python 3.12 forks no more
"""


@forks
@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="counts Linux's threads")
def test_children_of_children_train_and_set_their_threads(run_script):
    run_script(GENERATIONS)


ALONE = """
train(1)  # the pool's threads run now, and no others
warnings.filterwarnings("error")
if os.fork() == 0:
    os._exit(0)
os.wait()
"""


@forks
def test_a_fork_is_not_warned_of_on_account_of_the_pool(run_script):
    run_script(ALONE, OPENBLAS_NUM_THREADS="1")


EXITS = """
import multiprocessing

def work():
    random.set_random_seed(1)
    train(1)  # returns, and leaves by the way that runs what is registered for exit

if __name__ == "__main__":
    train(1)
    processes = [multiprocessing.get_context(sys.argv[1]).Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        assert process.exitcode == 0, process.exitcode
"""


@pytest.mark.parametrize("method", METHODS)
def test_children_exit_cleanly(run_script, method):
    run_script(EXITS, method)


STREAMS = """
def draws_of_child():
    reader, writer = os.pipe()
    if os.fork() == 0:
        model = make_model()  # of initial weights of its own
        if sys.argv[1] == "again":
            random.set_random_seed(8)
        os.write(writer, f"{random.next_seed()} {random.next_seed()}".encode())
        os._exit(0)
    os.wait()
    os.close(writer)
    with open(reader) as file:
        return file.read()

if sys.argv[1] == "restored":
    random.set_random_seed(int(sys.argv[2]))
    random.set_state(random.get_state())
elif sys.argv[1] != "none":
    random.set_random_seed(7)
else:
    random.next_seed()
run = draws_of_child
results = []
if sys.argv[1] == "thread":
    threads = [threading.Thread(target=lambda: results.append(run())) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
else:
    results = [run() for _ in range(3)]
print(*results)
"""


@forks
@pytest.mark.parametrize("kind", ["seeded", "thread"])
def test_streams_of_forked_children_differ_and_are_the_same_in_every_run(run_script, kind):
    one, other = run_script(STREAMS, kind), run_script(STREAMS, kind)
    assert len(set(one)) == 6
    assert one == other


@forks
def test_streams_of_forked_children_differ_without_a_seed(run_script):
    one, other = run_script(STREAMS, "none"), run_script(STREAMS, "none")
    assert len({*one, *other}) == 12


@forks
def test_children_that_seed_again_draw_alike(run_script):
    draws = run_script(STREAMS, "again")
    assert len(draws) == 6 and len(set(draws)) == 2


@forks
def test_children_of_restored_states_are_as_different_as_the_states(run_script):
    runs = [run_script(STREAMS, "restored", seed) for seed in (1, 2, 1)]
    assert len({*runs[0], *runs[1]}) == 12
    assert runs[0] == runs[2]
