"""Boston housing: 506 districts in 13 numbers each, and what a house costs there.

One of the numbers, "B", was made from the share of Black inhabitants, on the assumption that
segregation raises prices. Use it to discuss such data; to practise, use `california_housing`.

Source: D. Harrison, D. Rubinfeld, "Hedonic prices and the demand for clean air", 1978.
"""

from minigrad.datasets._files import DataFile, load_table

HOUSES = DataFile(
    "boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
)


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Load the table from this machine, or download it (57 kB), as `imdb.load_data` does.

    Parameters
    ----------
    path, test_split, seed
        As for `california_housing.load_data`.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray of float64
        Rows (404, 13) and (102, 13); prices (404,) and (102,) in 1000 dollars.

    Raises
    ------
    ValueError, FileNotFoundError, minigrad.datasets.DatasetNotFoundError
        As `california_housing.load_data`.
    """
    return load_table(HOUSES, path, test_split, seed)
