"""What doit shows of this project: every task comes with bfbuild."""

from pathlib import Path

from bfbuild.commands.tasks import DOIT, project_tasks

DOIT_CONFIG = DOIT


def task_project():
    """Image, run, bench, debug and build, from recipes/."""
    return project_tasks(Path(__file__).parent)
