"""What a sweep is: its file, its space, its trials, how they are searched and stopped.

Pure: no I/O, no clock, no Redis (the sub-package `protocol` apart, which holds what agent and
controller say to each other). Nothing here imports another package of ours.
"""
