"""What holds for every decision, whatever the situation and however it came about."""

import dataclasses
import functools
import os
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.decide import decide
from autoscaler.measure import update
from autoscaler.model import (
    SERVING,
    ActiveTask,
    BacklogPerWorker,
    Demand,
    Fallback,
    FixedSize,
    FleetState,
    HostBudget,
    Known,
    MaxWait,
    Paused,
    Rate,
    Scaling,
    Schedule,
    Situation,
    Threshold,
    Track,
    Unknown,
    Worker,
    WorkerState,
    WorkerStats,
)

MIB = 2**20
#: Of each property; AUTOSCALER_EXAMPLES=5000 looks deeper.
EXAMPLES = int(os.environ.get("AUTOSCALER_EXAMPLES", "60"))
INCOMPLETE = ("queue emails: timed out",)
COUNTED = SERVING | {WorkerState.HELD}

# --- made up situations

seconds = st.sampled_from([0.0, 1.0, 2.0, 7.5, 30.0, 60.0, 300.0])


@st.composite
def thresholds(draw):
    down = draw(st.integers(0, 40))
    return Threshold(
        up=draw(st.integers(down + 1, 120)),
        down=down,
        step=draw(st.integers(1, 5)),
        up_after=draw(seconds),
        down_after=draw(seconds),
    )


backlogs = st.builds(BacklogPerWorker, st.sampled_from([0.05, 0.1, 0.3, 1.0, 2.5, 7.0, 20.0]))
waits = st.builds(MaxWait, st.sampled_from([0.5, 5.0, 30.0, 300.0]))
schedules = st.builds(
    Schedule,
    st.sampled_from(["*/10 * * * *", "0 * * * *", "20 0 1 1 *"]),
    st.sampled_from([60.0, 300.0, 7200.0]),
    st.integers(1, 8),
    st.sampled_from(["UTC", "America/St_Johns"]),
)
rates = st.none() | st.builds(Rate, st.integers(1, 5), st.sampled_from([1.0, 10.0, 60.0]))


@st.composite
def policies(draw):
    any_number = st.lists(backlogs | schedules, max_size=2)
    chosen = [
        *draw(any_number),
        *draw(st.lists(thresholds(), max_size=1)),
        *draw(st.lists(waits, max_size=1)),
    ]
    return tuple(draw(st.permutations(chosen)))


@st.composite
def scalings(draw):
    least = draw(st.integers(0, 6))
    return Scaling(
        min_workers=least,
        max_workers=max(1, least + draw(st.integers(0, 12))),
        concurrency=draw(st.integers(1, 8)),
        policies=draw(policies()),
        stabilization=draw(seconds),
        tolerance=draw(st.sampled_from([0.0, 0.1, 0.25, 1.0])),
        max_scale_up=draw(rates),
        max_scale_down=draw(rates),
        fallback=draw(st.none() | st.builds(Fallback, st.integers(0, 20), seconds)),
    )


demands = st.builds(
    Demand,
    ready=st.integers(0, 200) | st.floats(0, 200),
    reserved=st.integers(0, 20),
    running=st.integers(0, 60),
    unknown=st.sampled_from([(), (), INCOMPLETE]),
)


@st.composite
def stats(draw, node):
    tasks = draw(st.lists(st.none() | st.floats(0, 1000), max_size=3))
    active = tuple(ActiveTask(f"{node}{n}", "send", at) for n, at in enumerate(tasks))
    return Known(WorkerStats(node, 1, 4, 0, active, draw(st.integers(0, 3))), 0.0)


@st.composite
def workers(draw, max_size=12):
    states = draw(st.lists(st.sampled_from(WorkerState), max_size=max_size))
    made = []
    for number, state in enumerate(states, start=1):
        name = f"emails-{number:02}"
        node = f"{name}@h"
        silent = state is WorkerState.STARTING or draw(st.integers(0, 4)) == 0
        said = Unknown("silent", 0.0) if silent else draw(stats(node))
        since, outdated = draw(st.floats(0, 1000)), draw(st.booleans())
        made.append(Worker(name, "emails", node, state, since, number, said, outdated))
    return tuple(made)


budgets = st.builds(
    HostBudget,
    st.none() | st.integers(-2, 12).map(lambda each: each * 50 * MIB),
    st.none() | st.just(100 * MIB),
)
ends = st.none() | st.floats(0, 2000)
holds = (
    st.none() | st.builds(Paused, until=ends) | st.builds(FixedSize, workers=st.integers(0, 20), until=ends)
)
moments = st.tuples(
    demands, workers(), budgets, st.none() | holds, st.sampled_from([0.0, 0.5, 2.0, 9.0, 90.0])
)


@dataclass(frozen=True)
class Story:
    """A situation with the memory that decisions before it have left."""

    situation: Situation
    memory: FleetState


@st.composite
def stories(draw, hold=holds):
    now, memory, track = 1000.0, FleetState(), Track()
    before = draw(scalings())
    for demand, fleet, budget, held, pause in draw(st.lists(moments, max_size=6)):
        now += pause
        track = update(track, now, demand, fleet)
        _, memory = decide(
            Situation(now, "emails", before, demand, fleet, budget, held, track.measures), memory
        )
        crashes = tuple(now for _ in range(draw(st.integers(0, 2))))
        memory = dataclasses.replace(memory, crashes=memory.crashes + crashes)
    edited = draw(st.booleans())
    demand, fleet, budget, held, pause = draw(moments)
    after = draw(scalings()) if edited else before
    measures = update(track, now + pause, demand, fleet).measures
    situation = Situation(now + pause, "emails", after, demand, fleet, budget, draw(hold), measures)
    return Story(situation, memory)


def counted(situation):
    return sum(worker.state in COUNTED for worker in situation.workers)


def in_force(situation):
    hold = situation.hold
    return hold if hold is not None and (hold.until is None or hold.until > situation.now) else None


def rolls(situation):
    """Whether a new worker may stand in for an old one, beyond the size."""
    return len({worker.outdated for worker in situation.workers if worker.state in SERVING}) > 1


def paused(situation):
    return isinstance(in_force(situation), Paused)


# --- what holds


@settings(max_examples=EXAMPLES)
@given(stories())
def test_a_fleet_stays_within_its_bounds_unless_it_is_paused(story):
    decision, _ = decide(story.situation, story.memory)
    scaling = story.situation.scaling
    if paused(story.situation):
        before = counted(story.situation) if story.memory.size is None else story.memory.size
        assert decision.desired == max(before, counted(story.situation))
    else:
        assert scaling.min_workers <= decision.desired <= scaling.max_workers


@settings(max_examples=EXAMPLES)
@given(stories(hold=st.none()))
def test_a_fleet_never_shrinks_on_what_is_unknown(story):
    unknown = dataclasses.replace(story.situation.demand, unknown=INCOMPLETE)
    situation = dataclasses.replace(story.situation, demand=unknown)
    decision, _ = decide(situation, story.memory)
    too_many = story.memory.size is not None and rolls(situation)
    before = max(counted(situation) - too_many, story.memory.size or 0)
    assert decision.desired >= min(before, situation.scaling.max_workers)


@settings(max_examples=EXAMPLES)
@given(stories(), st.integers(0, 100), st.integers(0, 20), st.integers(0, 40))
def test_more_demand_never_means_fewer_workers(story, ready, reserved, running):
    less = story.situation.demand
    more = dataclasses.replace(
        less, ready=less.ready + ready, reserved=less.reserved + reserved, running=less.running + running
    )
    fewer, _ = decide(story.situation, story.memory)
    greater, _ = decide(dataclasses.replace(story.situation, demand=more), story.memory)
    assert greater.desired >= fewer.desired


@settings(max_examples=EXAMPLES)
@given(stories())
def test_deciding_twice_at_one_time_gives_the_same(story):
    first, memory = decide(story.situation, story.memory)
    second, again = decide(story.situation, memory)
    third, last = decide(story.situation, again)
    for other in (second, third):
        assert (first.desired, first.start, first.restore, first.drain) == (
            other.desired,
            other.start,
            other.restore,
            other.drain,
        )
    assert last == again


@settings(max_examples=EXAMPLES)
@given(stories())
def test_the_steps_lead_to_the_size_and_never_past_it(story):
    decision, memory = decide(story.situation, story.memory)
    after = decision.current + decision.start + len(decision.restore) - len(decision.drain)
    assert decision.current == counted(story.situation)
    assert memory.size == decision.desired
    if not any(reason.code == "roll" for reason in decision.reasons):
        assert min(decision.current, decision.desired) <= after <= max(decision.current, decision.desired)
    assert not (decision.drain and (decision.start or decision.restore))


@settings(max_examples=EXAMPLES)
@given(stories())
def test_there_are_never_more_processes_than_max_workers_or_than_exist(story):
    decision, _ = decide(story.situation, story.memory)
    alive = sum(worker.state is not WorkerState.FAILED for worker in story.situation.workers)
    assert decision.start >= 0
    assert alive + decision.start <= max(story.situation.scaling.max_workers, alive)


@settings(max_examples=EXAMPLES)
@given(stories())
def test_only_serving_workers_are_drained_and_busy_ones_only_when_none_is_idle(story):
    decision, _ = decide(story.situation, story.memory)
    by_name = {worker.name: worker for worker in story.situation.workers}
    drained = [by_name[name] for name in decision.drain]
    assert all(worker.state in SERVING for worker in drained)
    left = [w for w in by_name.values() if w.state in SERVING and w.name not in decision.drain]
    for outdated in (True, False):
        if any(may_be_busy(worker) for worker in drained if worker.outdated is outdated):
            assert not any(idle(worker) for worker in left if worker.outdated is outdated)


@settings(max_examples=EXAMPLES)
@given(stories())
def test_no_worker_that_is_up_goes_before_those_with_old_settings(story):
    decision, _ = decide(story.situation, story.memory)
    serving = [worker for worker in story.situation.workers if worker.state in SERVING]
    drained = [worker for worker in serving if worker.name in decision.drain]
    if any(not each.outdated and each.state is not WorkerState.STARTING for each in drained):
        assert all(each.name in decision.drain for each in serving if each.outdated)


def idle(worker):
    return isinstance(worker.stats, Known) and not worker.stats.value.busy


def may_be_busy(worker):
    return not idle(worker) and worker.state is not WorkerState.STARTING


@settings(max_examples=EXAMPLES)
@given(stories())
def test_only_draining_workers_are_taken_back(story):
    decision, _ = decide(story.situation, story.memory)
    states = {worker.name: worker.state for worker in story.situation.workers}
    assert all(states[name] is WorkerState.DRAINING for name in decision.restore)
    assert len(set(decision.restore)) == len(decision.restore)


@settings(max_examples=EXAMPLES)
@given(stories())
def test_every_decision_has_a_reason_in_words(story):
    decision, _ = decide(story.situation, story.memory)
    assert decision.reasons
    assert all(reason.code and reason.text for reason in decision.reasons)
    # Who is out of service is told beside what sets the size.
    codes = [reason.code for reason in decision.reasons if reason.code != "held"]
    assert codes
    assert "steady" not in codes or codes == ["steady"]
    told = story.situation.scaling.policies and not paused(story.situation)
    assert not told or ("unknown" in codes) is not story.situation.demand.complete


# --- closed loop


@functools.cache
def ideal(count):
    """Workers that are all up and idle."""
    return tuple(
        Worker(
            name := f"emails-{number:02}",
            "emails",
            f"{name}@h",
            WorkerState.RUNNING,
            0.0,
            number,
            Known(WorkerStats(f"{name}@h", number, 4, 0), 0.0),
        )
        for number in range(1, count + 1)
    )


@settings(max_examples=EXAMPLES // 3)
@given(scalings(), demands, budgets, st.integers(0, 18), st.sampled_from([2.0, 5.0, 15.0]))
def test_a_constant_load_never_makes_a_fleet_flap(scaling, demand, budget, size, interval):
    steady = tuple(each for each in scaling.policies if not isinstance(each, Schedule))
    scaling = dataclasses.replace(scaling, policies=steady)
    memory, track = FleetState(), Track()
    sizes = [max(scaling.min_workers, min(size, scaling.max_workers))]
    for tick in range(int(1800 / interval)):
        now = 1000.0 + tick * interval
        track = update(track, now, demand, ideal(sizes[-1]))
        situation = Situation(now, "emails", scaling, demand, ideal(sizes[-1]), budget, None, track.measures)
        decision, memory = decide(situation, memory)
        sizes.append(sizes[-1] + decision.start - len(decision.drain))
    assert sizes in (sorted(sizes), sorted(sizes, reverse=True))


@settings(max_examples=EXAMPLES // 2)
@given(st.integers(1, 4), st.integers(0, 3), st.booleans(), st.booleans(), st.integers(1, 3))
def test_a_roll_ends_with_the_wanted_size_and_a_bad_setting_takes_nobody_out(
    size, room, good, whole, starts_in
):
    scaling = Scaling(size, size + room, 4)
    fleet = {each.name: dataclasses.replace(each, outdated=True) for each in ideal(size)}
    memory, started, quiet = FleetState(size=size), 0, 0
    for tick in range(20 * size):
        now = 1000.0 + 2.0 * tick
        up = {
            name: dataclasses.replace(each, state=WorkerState.RUNNING, stats=ideal(1)[0].stats)
            for name, each in fleet.items()
            if good and each.state is WorkerState.STARTING and now - each.since >= 2.0 * starts_in
        }
        gone = [name for name, each in fleet.items() if each.state is WorkerState.DRAINING]
        fleet = {name: each for name, each in (fleet | up).items() if name not in gone}
        demand = Demand(0, 0, 0, () if whole else INCOMPLETE)
        situation = Situation(now, "emails", scaling, demand, tuple(fleet.values()), HostBudget(None, None))
        decision, memory = decide(situation, memory)
        for name in decision.drain:
            fleet[name] = dataclasses.replace(fleet[name], state=WorkerState.DRAINING)
        for _ in range(decision.start):
            started += 1
            name = f"emails-{50 + started}"
            silent = Unknown("silent", now)
            fleet[name] = Worker(name, "emails", f"{name}@h", WorkerState.STARTING, now, started, silent)
        running = sum(each.state is WorkerState.RUNNING for each in fleet.values())
        assert len(fleet) <= scaling.max_workers
        assert running >= (size if room else size - 1)
        quiet = 0 if decision.start or decision.drain else quiet + 1
    assert started == (size if good else 1)
    assert sum(not each.outdated for each in fleet.values()) == (size if good else 1)
    assert len(fleet) == size + (not good and room > 0)
    assert quiet > 2
