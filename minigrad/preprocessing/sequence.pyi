# By tests/typing/make_stubs.py
from minigrad.utils import pad_sequences as pad_sequences

