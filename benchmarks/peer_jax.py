"""JAX as a contender: a hand-written training step under `jit` with donated buffers."""

import functools

import jax
from jax import lax, nn
from jax import numpy as jnp

from benchmarks import inputs
from benchmarks.measure import Task

LAYOUT = ("NHWC", "HWIO", "NHWC")


def configure(threads):
    return f"jax {jax.__version__}"


def dropout(x, rate, key):
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def mean_loss(weights, x, y, rate, key):
    k1, b1, k2, b2, k3, b3 = weights
    first, second = jax.random.split(key)
    h = nn.relu(lax.conv_general_dilated(x, k1, (1, 1), "VALID", dimension_numbers=LAYOUT) + b1)
    h = h.reshape(len(x), 13, 2, 13, 2, 32).max((2, 4))  # faster in XLA than reduce_window
    h = dropout(h, rate, first).reshape(len(x), -1)
    h = dropout(nn.relu(h @ k2 + b2), 2 * rate, second)
    scores = nn.log_softmax(h @ k3 + b3)
    return -jnp.take_along_axis(scores, y[:, None], 1).mean()


# Each rule: weight, gradient, state, step from 1 -> new weight, new state.


def adam(w, g, state, t):
    m, v = state
    m, v = m + 0.1 * (g - m), v + 0.001 * (g * g - v)
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (jnp.sqrt(v) + 1e-7), (m, v)


def sgd(w, g, state, t):
    return w - 0.01 * g, state


def adagrad(w, g, state, t):
    a = state[0] + g * g
    return w - 0.001 * g / jnp.sqrt(a + 1e-7), (a,)


RULES = {"adam": (adam, (0.0, 0.0)), "sgd": (sgd, ()), "adagrad": (adagrad, (0.1,))}


def step(variant, optimizer, batch, rate):
    batches = inputs.batches(*map(jnp.asarray, inputs.digits(inputs.BATCHES * batch)), batch)
    rule, starts = RULES[optimizer]

    @functools.partial(jax.jit, donate_argnums=0)
    def update(carried, x, y):
        weights, states, key, t = carried
        key, now = jax.random.split(key)
        loss, gradients = jax.value_and_grad(mean_loss)(weights, x, y, rate, now)
        results = map(functools.partial(rule, t=t), weights, gradients, states)
        weights, states = zip(*results, strict=True)
        return (weights, states, key, t + 1), loss

    def training(generator):
        weights = tuple(map(jnp.array, inputs.cnn_weights()))
        states = tuple(tuple(jnp.full_like(w, start) for start in starts) for w in weights)
        carried = weights, states, jax.random.key(0, impl=generator), jnp.float32(1)

        def train(x, y):
            nonlocal carried
            carried, loss = update(carried, x, y)
            return loss

        return inputs.looped(train, batches, float)

    def check():
        weights, key = inputs.cnn_weights(), jax.random.key(0)
        loss, gradients = jax.value_and_grad(mean_loss)(weights, *batches[0], rate, key)
        return loss, *gradients

    generators = ("threefry2x32", "rbg", "unsafe_rbg")
    return Task({f"jit, {generator}": training(generator) for generator in generators}, check)
