"""What all kernels share: threads, memory, small arrays, the processor's instruction sets."""
