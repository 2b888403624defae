"""Every policy with every setting that is tried for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from autoscaler.model import BacklogPerWorker, MaxWait, PolicySettings, Scaling
from autoscaler.tools.simulate.against import mean_workers, peak_workers
from autoscaler.tools.simulate.load import Load
from autoscaler.tools.simulate.ours import Ours
from autoscaler.tools.simulate.peers import (
    AwsBacklog,
    CeleryAutoscale,
    Fixed,
    Keda,
    LaravelHybrid,
    Peer,
    PeerScaler,
    Steps,
)
from autoscaler.tools.simulate.run import Scaler
from autoscaler.tools.simulate.setting import Setting
from benchmarks.policies.oracle import Oracle

#: This product's flagship as its users get it: the wanted wait and nothing else.
FLAGSHIP = "max_wait"
#: Policies of this product; all others are peers.
OURS = frozenset({FLAGSHIP, "max_wait tuned", "backlog_per_worker"})
#: What is shown beside, but is no peer: one that sees the future, and a peer without its own mechanism.
BESIDE = frozenset({"oracle", "celery, start B"})


#: Makes a peer for a load.
Maker = Callable[[Load, Setting], Peer]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One policy with one setting."""

    policy: str
    setting: str
    #: Called in the process that runs it, for each run anew.
    make: Callable[[Load, Setting], Scaler]


def candidates() -> tuple[Candidate, ...]:
    """All of them; the first of each policy is as its documentation or default has it."""
    return (*_ours(), *_keda(), *_others(), *_fixed(), *_oracle())


Rule = Callable[[float, float], PolicySettings]


def _ours() -> Iterator[Candidate]:
    yield _own(FLAGSHIP, "as wanted", _wait(1.0), 0.0)
    for share in (1.0, 0.85, 1.15):
        yield _own("max_wait tuned", f"wait x{share:g}", _wait(share), 0.0)
    for share in (0.5, 0.75):
        for window in (60.0, 0.0):
            label = f"{share:g} W/S, stabilization {window:g} s"
            yield _own("backlog_per_worker", label, _backlog(share), window)


def _wait(share: float) -> Rule:
    return lambda wait, _service: MaxWait(wait * share)


def _backlog(share: float) -> Rule:
    return lambda wait, service: BacklogPerWorker(max(1.0, share * wait / service))


def _own(policy: str, label: str, rule: Rule, stabilization: float) -> Candidate:
    def make(load: Load, setting: Setting) -> Scaler:
        scaling = Scaling(
            min_workers=setting.min_workers,
            max_workers=setting.max_workers,
            concurrency=setting.concurrency,
            policies=(rule(setting.wait, load.mean_service / setting.concurrency),),
            stabilization=stabilization,
        )
        return Ours(scaling, policy)

    return Candidate(policy, label, make)


def _keda() -> Iterator[Candidate]:
    for window in (300.0, 60.0):
        for value in (20.0, 5.0, 1.0, None):
            label = "W/S" if value is None else f"{value:g}"
            yield _peer("keda", f"value {label}, window {window:g} s", _keda_of(value, window))


def _keda_of(value: float | None, window: float) -> Maker:
    def make(load: Load, setting: Setting) -> Peer:
        per_worker = setting.wait / load.mean_service * setting.concurrency
        return Keda(max(1.0, per_worker) if value is None else value, window)

    return make


def _others() -> Iterator[Candidate]:
    for keepalive in (30.0, 10.0):
        yield _peer("celery", f"keepalive {keepalive:g} s", _always(CeleryAutoscale, keepalive))
    for keepalive in (30.0, 10.0):
        slow = _always(CeleryAutoscale, keepalive, None)
        yield _peer("celery, start B", f"keepalive {keepalive:g} s", slow)
    for share in (1.0, 0.3, 0.1):
        yield _peer("aws", f"target {share:g} W/S", _waiting(AwsBacklog, share))
    for steps in ((20, 0, 1, 60.0), (5, 0, 2, 30.0), (5, 0, 4, 15.0), (1, 0, 4, 15.0), (20, 0, 8, 15.0)):
        up, _, step, cooldown = steps
        yield _peer("threshold", f"up {up}, step {step}, cooldown {cooldown:g} s", _always(Steps, *steps))
    for threshold, cooldown in ((0.5, 60.0), (0.5, 0.0), (0.3, 60.0), (0.3, 0.0)):
        label = f"threshold {threshold:g}, cooldown {cooldown:g} s"
        yield _peer("laravel", label, _waiting(LaravelHybrid, threshold, cooldown))


def _always(kind: Callable[..., Peer], *arguments: float | None) -> Maker:
    return lambda _load, _setting: kind(*arguments)


def _waiting(kind: Callable[..., Peer], *arguments: float) -> Maker:
    return lambda _load, setting: kind(setting.wait, *arguments)


def _fixed() -> Iterator[Candidate]:
    """Sizes between the mean and the peak of the very load, which nobody knows in life."""
    for share in (0.0, 0.5, 0.75, 1.0):
        label = {0.0: "mean", 1.0: "peak"}.get(share, f"mean + {share:g} (peak - mean)")
        yield _peer("fixed", label, _fixed_of(share))


def _fixed_of(share: float) -> Maker:
    return lambda load, setting: Fixed(_between(load, setting, share))


def _oracle() -> Iterator[Candidate]:
    for share in (0.9, 0.75):
        yield Candidate("oracle", f"plans with {share:g} W", partial(_oracle_of, share))


def _oracle_of(share: float, _load: Load, setting: Setting) -> Scaler:
    return Oracle(setting, share)


def _between(load: Load, setting: Setting, share: float) -> int:
    low, high = mean_workers(load, setting), peak_workers(load, setting)
    return round(low + share * (high - low))


def _peer(policy: str, label: str, make: Maker) -> Candidate:
    return Candidate(policy, label, lambda load, setting: PeerScaler(make(load, setting), 0, policy))
