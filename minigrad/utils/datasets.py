"""The base of data sets that make their batches one by one."""

import itertools


class PyDataset:
    """Batches of one's own: a subclass defines ``__getitem__(index)``, and ``__len__``.

    ``dataset[index]`` is one batch, (x, y) or (x, y, sample_weight). `fit` draws a new order of the
    batches for each epoch, unless told not to. It calls `on_epoch_begin` before, `on_epoch_end`
    after it.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        Accepted as in Keras, but without effect: batches are made when they are needed.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index):
        """Return a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index)")

    @property
    def num_batches(self):
        """The number of batches; a subclass may define this instead, as None for no end."""
        return len(self)

    def __len__(self):
        if type(self).num_batches is PyDataset.num_batches:
            raise NotImplementedError(f"{type(self).__name__} must define __len__ or num_batches")
        if self.num_batches is None:
            raise TypeError(f"{type(self).__name__}: expected a number of batches, got None")
        return self.num_batches

    def __iter__(self):
        number = self.num_batches
        indices = itertools.count() if number is None else range(number)
        return (self[index] for index in indices)

    def on_epoch_begin(self):
        """Do something before each epoch."""

    def on_epoch_end(self):
        """Do something after each epoch."""
