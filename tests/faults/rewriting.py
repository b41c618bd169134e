"""Faults in one line of a page: its builder is written as it is often wrong."""

import inspect
from dataclasses import replace

from .pages import page


def small(name, module, task, **builders):
    """Return a page with builders of another one, for short trainings on its data."""
    return replace(page(name, module.SPEC, module.load, **builders), task=task)


def rewritten(build, lines, called=()):
    """Return a builder of a page with other lines, each in the place of one that is there once.

    They may also stand in functions of the page that are `called` by the builder.
    """
    source = "\n\n".join(map(inspect.getsource, (*called, build)))
    for right, wrong in lines.items():
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    names = dict(vars(inspect.getmodule(build)))
    exec(source, names)
    return names[build.__name__]


def write(plant, build, lines, called=()):
    """Let a builder of a page have other lines; see `rewritten`."""
    found = rewritten(build, lines, called)
    plant.build(lambda own: lambda spec=plant.experiment.spec: found(spec))
