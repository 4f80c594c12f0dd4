"""The sub-commands of `sweep`, one module a group; _command.py lists and loads them.

Each module imports click and little else at its top, for shell completion imports it; what is
heavy comes in inside a function. A command prints its result on stdout and talks on stderr; it
raises `sweeps.errors` and never exits by itself. Nothing outside imports this.

    connection   the server, ids, and what is said when an id is not known
    options      arguments and options that several commands share
"""
