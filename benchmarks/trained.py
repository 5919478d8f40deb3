"""python -m benchmarks.trained RULE: write the network's weights after an epoch to standard output.

This is a separate program because minigrad changes how its process keeps freed memory. A peer that
is measured in the same process could profit from that.
"""

import sys

import numpy as np

import minigrad
from benchmarks import inputs, keras_style

minigrad.utils.set_random_seed(0)
model = keras_style.build(minigrad, sys.argv[1])
model.fit(*inputs.digits(60_000), batch_size=60, verbose=0)
np.savez(sys.stdout.buffer, *model.get_weights())
