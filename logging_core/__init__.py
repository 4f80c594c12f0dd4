"""The embedded logger: what runs inside a training process.

Standard library only, Python 3.8 and later, and nothing of ours is imported here: the agent puts
this folder into environments in which nothing is installed. `opensweep` is its front door.

    active.py       the run of this process: init, log, config, summary, finish, …
    start.py        opens a run: its config, its writer, where it is sent
    place.py        where a run records: a new folder, an agent's, or that of a run that goes on
    sharing.py      several processes that record one run
    earlier.py      what a run comes to before this process begins (skim.py reads it quickly)
    moment.py       a moment of a run, as fork_from and resume_from name it
    environment.py  what the environment tells init();  home.py: which server is known
    follower.py     starts the process that carries the run to the server, where no agent does
    sweeping.py     sweep() and agent(function) from Python
    run.py          Run: what the script holds; puts the parts together
    journal.py      steps and commits
    trouble.py      a disk that refuses: said once, tried again
    quick.py        rows that are like the one before, in under a microsecond
    settling.py     rows that hold media
    flushing.py     what was written is forced to disk once a second
    config.py       the run's configuration, sweep values locked;  given.py: what a script gives
    summary.py      history folded to one value (or min, max, mean, …) a metric
    values.py       any scalar that a script logs, as a plain value
    frames.py       the record file: its layout, and what a record says
    writer.py       appends records; what it returned from survives a kill -9
    records.py      reads them, while the file grows or after a crash
    folder.py       the layout of a run folder
    ending.py       SIGTERM, uncaught exceptions, exit: a clean end whenever one is possible
    console.py      stdout and stderr kept, where no agent does it
    helper.py       a thread beside the script: provenance.py (git.py, masking.py) says where the
                    run comes from, sampling.py (machine.py, gpus.py) what the machine does
    alerts.py       what a script tells people
    like_wandb.py   W&B's other names for what a run is
    wandb_module/   a module `wandb` for scripts that import it, on request
    terminal.py     what the user sees at the start and at the end
    watching.py     histograms of a PyTorch model's gradients and parameters
    media/          images, tables, histograms, …: values that are kept as files
    plot/           custom charts: a table and the name of a specification
    errors.py       what is raised on wrong use
    hints.py        instead of `typing`, which takes a while to load
"""
