"""Experiments and models of MLflow: `… create|fill|dump` on the store that EVERY_DATABASE names."""

from __future__ import annotations

import json
import os
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

URL = os.environ["EVERY_DATABASE"]
CLIENT = MlflowClient(tracking_uri=URL, registry_uri=URL)


def create() -> None:
    CLIENT.search_experiments()
    CLIENT.search_registered_models()


def fill() -> None:
    first = CLIENT.create_experiment("first – ü", artifact_location="/artifacts/first", tags={"team": "a"})
    for number in range(3):
        run = CLIENT.create_run(first, start_time=1_700_000_000_000 + number, run_name=f"run {number}")
        CLIENT.log_batch(
            run.info.run_id,
            metrics=[
                Metric("loss", value, 1_700_000_000_000 + step, step)
                for step, value in enumerate([0.1, float("inf"), -1e300, float("nan"), 3.0])
            ],
            params=[Param("rate", "0.001"), Param("long", "x" * 2000)],
            tags=[RunTag("note", "line\nline \\N ü"), RunTag("empty", "")],
        )
        CLIENT.set_terminated(
            run.info.run_id, status=["FINISHED", "FAILED", "KILLED"][number], end_time=1_700_000_001_000
        )
    gone = CLIENT.create_experiment("deleted")
    CLIENT.delete_experiment(gone)
    CLIENT.create_registered_model("model", tags={"kind": "tree"}, description="d")
    CLIENT.create_model_version("model", "/artifacts/first/model", run_id=run.info.run_id)
    CLIENT.set_registered_model_alias("model", "champion", "1")
    CLIENT.create_run("0")


def dump() -> None:
    experiments = CLIENT.search_experiments(
        view_type=mlflow.entities.ViewType.ALL, order_by=["experiment_id"]
    )
    runs = [
        run
        for experiment in experiments
        for run in CLIENT.search_runs([experiment.experiment_id], run_view_type=3)
    ]
    found = {
        "experiments": [
            [e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, dict(e.tags)]
            for e in experiments
        ],
        "runs": sorted(
            [
                [r.info.run_id, r.info.run_name, r.info.status, r.info.start_time, r.info.end_time]
                + [
                    sorted(r.data.params.items()),
                    sorted(r.data.tags.items()),
                    repr(sorted(r.data.metrics.items())),
                ]
                for r in runs
            ],
            key=repr,
        ),
        "history": [
            [repr((m.value, m.step, m.timestamp)) for m in CLIENT.get_metric_history(r.info.run_id, "loss")]
            for r in sorted(runs, key=lambda r: r.info.run_id)
        ],
        "models": [
            [m.name, m.description, m.creation_timestamp, dict(m.tags), dict(m.aliases)]
            for m in CLIENT.search_registered_models()
        ],
        "versions": [
            [v.version, v.source, v.run_id, v.status, v.creation_timestamp]
            for v in CLIENT.search_model_versions("name='model'")
        ],
    }
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    for action in sys.argv[1:]:
        {"create": create, "fill": fill, "dump": dump}[action]()
