"""Mistakes that checkers find: each line that ends in a comment, and the message has its words."""

import minigrad
from minigrad.layers import Conv2D, Dense
from minigrad.optimizers import Adam

x, y = [[1.0]], [1.0]
model = minigrad.Sequential([Dense(1)])
weight = minigrad.Parameter([1.0])
loss = minigrad.ops.mean((weight - 2) ** 2)

Conv2D(32, 3, activaton="relu")  # activaton
Conv2D(32, 3, padding="full")  # padding
model.compile(optimiser="adam")  # optimiser
Dense("10")  # Dense|units
Dense(10, kernel_initialiser="zeros")  # kernel_initialiser
model.fit(x, y, epoch=3)  # epoch
Adam(learning_rate="0.1")  # learning_rate
Adam(0.1, beta1=0.9)  # beta1
minigrad.layers.Dens(10)  # Dens
loss.backwards()  # backwards
minigrad.ops.relu("x")  # relu
minigrad.metrics.MeanSquaredEror()  # MeanSquaredEror
