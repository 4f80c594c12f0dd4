"""The embedded logger: what runs inside a training process.

Standard library only, Python 3.8 and later, and nothing of ours is imported here: the agent puts
this folder into environments in which nothing is installed. `opensweep` is its front door.

    active.py       the run of this process: init, log, config, summary, finish, …
    run.py          Run: steps, commits, what is written when
    config.py       the run's configuration, sweep values locked
    summary.py      history folded to one value (or min, max, mean, …) a metric
    values.py       any scalar that a script logs, as a plain value
    records.py      the append-only record file: cheap to write, safe to read after a crash
    folder.py       the layout of a run folder
    environment.py  what the environment tells init()
    ending.py       SIGTERM, uncaught exceptions, exit: a clean end whenever one is possible
    console.py      stdout and stderr kept, where no agent does it
    terminal.py     what the user sees at the start and at the end
"""
