"""Every figure that we state, measured again: `make bench`, or `python -m benchmarks NAME`."""
