"""A Gaussian process over configurations, in NumPy and SciPy alone.

    kernel        Matern-5/2 over numbers and categories, each with a length scale of its own
    process       the process: hyperparameters by MAP, posterior, its gradients, more data
    outputs       values made fit for a Gaussian: standardised, half-ranked, power-transformed
    improvement   the logarithm of the expected improvement, and its derivative
    columns       a space as columns of numbers and codes: there and back, draws, neighbours
    acquisition   how promising a point is: a sum of logarithms with gradients, over fantasies
    ascent        uphill from many places at once
    maximise      the most promising point that was not tried
    local         of many trials those that the process is to know
    model         puts it together: the Model that `bayes` asks

All but the last two and `columns` work on arrays: which column is what parameter is for the caller
to know. Pure, and deterministic for the same input on the same machine.
"""
