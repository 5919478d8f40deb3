"""Matrix products and convolution: plain Cython to read, C micro-kernels to be fast."""
