"""Loops over elements: one Cython text a family, compiled for each instruction set."""
