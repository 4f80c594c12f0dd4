"""A Gaussian process over configurations, in NumPy and SciPy alone.

    kernel        Matern-5/2 over numbers and categories, each with a length scale of its own
    process       the process: hyperparameters by MAP, posterior, its gradients, more data
    outputs       values made fit for a Gaussian: standardised, half-ranked, power-transformed
    improvement   the logarithm of the expected improvement, and its derivative
    columns       a space as columns of numbers and codes: there and back, draws, neighbours
    rows          trials as points, each encoded once
    acquisition   how promising a point is: a sum of logarithms with gradients, over fantasies
    ascent        uphill from many places at once
    maximise      the most promising point that was not tried
    feasibility   how likely a trial is not to fail
    limits        how likely it is to keep the limits on its other metrics
    spending      what it will cost
    hypervolume   several objectives: the front, and what is expected beyond it
    transfer      prior runs, on whatever scale
    known         what there is to learn from, as arrays
    design        the first points: a scrambled Sobol sequence
    order         what is nearly equal is equal: the same suggestions on every machine
    local         of many trials those that the process is to know
    curves        learns from stopped trials, too: the Model of `bayes` with early termination
    model         puts it together: the Model that `bayes` asks

All but `columns`, `rows`, `maximise`, `known`, `design`, `curves` and `model` work on arrays: which
column is what parameter is for the caller to know. Pure, and deterministic: the same input gives
the same output, with every NumPy, SciPy and BLAS as far as `order` reaches.
"""
