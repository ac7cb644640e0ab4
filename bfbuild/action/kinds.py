"""Which function turns which kind of recipe into a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bfbuild.action import command, compiling, disk, link, optimize, weights
from bfbuild.action.action import Inputs, Request
from bfbuild.recipe import model

Kind = Callable[[Any, Inputs], Request]

KINDS: Mapping[type[model.Recipe], Kind] = {
    model.CObject: compiling.c_object,
    model.AsmObject: compiling.asm_object,
    model.Archive: link.archive,
    model.Link: link.link,
    model.RawBinary: link.raw_binary,
    model.Command: command.command,
    model.Optimize: optimize.optimize,
    model.Layout: disk.layout,
    model.Image: disk.image,
    model.Model: weights.model,
}
