"""What ranks tell each other. ``Alone`` is the one of a single process."""


class Alone:
    """The exchange of one rank, and what any exchange must have.

    Attributes
    ----------
    rank, size : int
        The number of this rank, from 0, and how many there are: a power of two.
    """

    rank, size = 0, 1

    def complete(self, part, present):
        """Return the sum of the ranks' ``part``, the same bits on every rank.

        Parameters
        ----------
        part : contiguous array
            Of one shape and type on all ranks, already the sum of this rank's shards. It may be
            overwritten, and returned.
        present : tuple of bool
            For each rank, whether its part counts. The others are left out of the sum, which is
            ``tree.add_up`` over the ranks.
        """
        return part

    def start(self, part, present):
        """Return a function that waits for the sum, which may be on its way meanwhile.

        All ranks start the same sums in the same order, and wait for them in the same order.

        Parameters
        ----------
        part, present
            As for `complete`; nothing may change the part from here on.
        """
        return lambda: self.complete(part, present)

    def gather(self, rows, counts):
        """Return the rows of all ranks, in the order of the ranks.

        Parameters
        ----------
        rows : contiguous array (counts[rank], ...)
            Of any type; all ranks have the same type and the same other sizes.
        counts : tuple of int
            How many rows each rank has; may be 0.
        """
        return rows

    def broadcast(self, value, root=0):
        """Return the object that the rank ``root`` gave, on every rank."""
        return value
