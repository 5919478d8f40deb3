"""California housing: 20,640 blocks of houses in eight numbers each, and what a house costs there.

Source: R. Pace, R. Barry, "Sparse spatial autoregressions", 1997, from the census of 1990.
"""

from minigrad.datasets._files import DataFile, load_table

HOUSES = DataFile(
    "california_housing.npz", "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
)

FEATURE_NAMES = (
    "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude",
    "Longitude",
)  # fmt: skip


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """Load the table from this machine, or download it (1 MB), as `imdb.load_data` does.

    Parameters
    ----------
    version : {"large", "small"}
        All blocks, or 600 of them.
    path : str or path
        The file; its bare name means the search.
    test_split : float
        The part of the rows that is for the test, from 0 to below 1.
    seed : int
        The same seed gives the same order, Keras's.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray
        Rows (N, 8) of `FEATURE_NAMES`; prices (N,) in dollars.

    Raises
    ------
    ValueError
        If an argument is out of its range, or `path` another file.
    FileNotFoundError, minigrad.datasets.DatasetNotFoundError
        Nothing is at `path`; it is not on this machine and cannot be downloaded.
    """
    sizes = {"large": None, "small": 600}
    if version not in sizes:
        expected = "version 'large' or 'small'"
        raise ValueError(f"california_housing: expected {expected}, got {version!r}")
    return load_table(HOUSES, path, test_split, seed, sizes[version])
