"""What people do with a run besides beginning it: pause, cancel, resume; by whoever works on runs of this home."""

from __future__ import annotations

from dataclasses import replace

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.connector import RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Progress
from riskbridge.schedule.runs import end_run, find_paused


def pause(app: App, name: str) -> None:
    """Stop a connector's run at its next step and keep what was read; one that a kill left stays as it is.

    Raises:
        InputError: `connector.unknown`, `run.not-under-way`.
    """
    if app.runner is not None:
        app.runner.pause_run(name)
        return
    for left in _left(app, name, {RunOutcome.RUNNING, RunOutcome.QUEUED}, "pause"):
        app.store.save_run(replace(left, outcome=RunOutcome.PAUSED))


def cancel(app: App, name: str) -> None:
    """End a connector's run, whether it is under way, waits, is paused or was left by a kill; nothing is published.

    Raises:
        InputError: `connector.unknown`, `run.not-under-way`.
    """
    if app.runner is not None:
        app.runner.cancel_run(name)
        return
    for left in _left(app, name, {o for o in RunOutcome if o.is_open}, "cancel"):
        end_run(app.store, left, RunOutcome.CANCELLED, app.now())


def resume(app: App, name: str, progress: Progress) -> RunRecord:
    """Let a connector's paused run go on where it was, and wait for its end.

    Raises:
        InputError: `connector.unknown`, `run.not-paused`.
        RiskbridgeError: The run failed.
    """
    connector = app.store.get_connector(name)
    paused = find_paused(app.store, connector)
    if app.runner is not None:
        return app.runner.resume(name, progress)
    return app.run(name, record=paused, progress=progress)


def _left(app: App, name: str, outcomes: set[RunOutcome], what: str) -> list[RunRecord]:
    connector = app.store.get_connector(name)
    left = [r for r in app.store.list_open(connector.connector_id) if r.outcome in outcomes]
    if not left:
        raise InputError(
            f"'{connector.name}' has no run under way.",
            code="run.not-under-way",
            remedy=f"There is nothing to {what}.",
        )
    return left
