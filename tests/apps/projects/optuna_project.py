"""Studies of Optuna: `… create|fill|dump` on the storage that EVERY_DATABASE names."""

from __future__ import annotations

import json
import os
import sys

import optuna

URL = os.environ["EVERY_DATABASE"]
optuna.logging.disable_default_handler()


def create() -> None:
    optuna.storages.RDBStorage(URL)


def fill() -> None:
    study = optuna.create_study(storage=URL, study_name="first – ü", directions=["minimize", "maximize"])
    study.set_user_attr("note", {"a": [1, 2.5, None]})

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = trial.suggest_float("x", -10, 10)
        n = trial.suggest_int("n", 1, 9, step=2)
        kind = trial.suggest_categorical("kind", ["a", None, 1.5])
        trial.set_user_attr("kind", kind)
        if trial.number == 3:
            raise optuna.TrialPruned
        return x * n, float("inf") if trial.number == 4 else 1e300

    study.sampler = optuna.samplers.RandomSampler(seed=1)
    study.optimize(objective, n_trials=6)
    single = optuna.create_study(storage=URL, study_name="second")
    trial = single.ask()
    for step in range(3):
        trial.report(0.1 * step, step)
    single.tell(trial, 0.1)
    single.enqueue_trial({"x": 1})


def dump() -> None:
    found = {}
    for name in optuna.get_all_study_names(URL):
        study = optuna.load_study(study_name=name, storage=URL)
        found[name] = {
            "directions": [direction.name for direction in study.directions],
            "attributes": study.user_attrs,
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    "values": repr(trial.values),
                    "params": repr(trial.params),
                    "distributions": repr(trial.distributions),
                    "steps": repr(trial.intermediate_values),
                    "attributes": repr(trial.user_attrs),
                    "system": repr(trial.system_attrs),
                    "times": [str(trial.datetime_start), str(trial.datetime_complete)],
                }
                for trial in study.trials
            ],
        }
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    for action in sys.argv[1:]:
        {"create": create, "fill": fill, "dump": dump}[action]()
