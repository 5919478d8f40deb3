"""The pool of threads (thread_pool.h) as Cython sees it, and what the processor offers."""

import os

cdef extern from "thread_pool.h" nogil:
    void pool_run(Task task, void* arguments, Py_ssize_t count, int threads)
    void pool_take(int kept)
    void pool_give_back()

cdef extern from "cpu.h":
    const char* c_best_instruction_set "best_instruction_set"()
    const char* c_default_kind "default_kind"()


cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil:
    """Call task(arguments, index, worker) for every index below count, on up to `threads`."""
    pool_run(task, arguments, count, threads)


cdef void run_part(void* loop, Py_ssize_t index, int worker) noexcept nogil:
    """Run one task of a Loop."""
    cdef Loop* job = <Loop*>loop
    cdef Py_ssize_t begin = index * job.step, end = min(begin + job.step, job.size)
    if job.step == 0:
        begin, end = chunk_begin(job.size, index), chunk_begin(job.size, index + 1)
    if job.is_float:
        job.of_float(job.arguments, <float*>job.data, begin, end)
    else:
        job.of_double(job.arguments, <double*>job.data, begin, end)


def best_instruction_set():
    """Return "avx512", "avx2" or "baseline": the best that this processor has."""
    return c_best_instruction_set().decode()


def default_kind():
    """Return "fast", or "plain" where nothing but that was built."""
    return c_default_kind().decode()


def end_helpers(int kept=0):
    """End the threads of the pool but the first `kept`, once another caller's job is done."""
    take_pool(kept)
    give_back_pool()


cpdef take_pool(int kept=0):
    with nogil:
        pool_take(kept)


cpdef give_back_pool():
    pool_give_back()


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(
        before=take_pool, after_in_parent=give_back_pool, after_in_child=give_back_pool
    )
