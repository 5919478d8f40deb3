# Written by tests/typing/make_stubs.py: change types.txt or the module, and run it again.
from minigrad.utils import pad_sequences as pad_sequences

