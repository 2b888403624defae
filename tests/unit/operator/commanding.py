"""Commands as an operator gives them, and what is seen of a fleet afterwards."""

from __future__ import annotations

from dataclasses import replace

from autoscaler.model import DrainWorker, PauseFleets, ReleaseFleets, ScaleFleets, StopFleets, Terms

ALICE = Terms("alice (uid 1000)")
FLEET = ("emails",)
START = ReleaseFleets(FLEET, "alice")
RESUME = ReleaseFleets(FLEET, "alice", stopped=False)
RELEASE = ReleaseFleets(FLEET, "alice", workers=True)


def pause(fleets=FLEET, **terms):
    return PauseFleets(fleets, terms=replace(ALICE, **terms))


def scale(workers, fleets=FLEET, **terms):
    return ScaleFleets(fleets, workers, terms=replace(ALICE, **terms))


def stop(fleets=FLEET, *, this_boot=False, **terms):
    return StopFleets(fleets, this_boot, terms=replace(ALICE, **terms))


def drain(worker, **terms):
    return DrainWorker(worker, terms=replace(ALICE, **terms))


def give(world, controller, command):
    """Have a command carried out that is answered by one sentence; returns the sentence."""
    (sentence,) = controller.carry_out(world.now, command)
    return sentence


def fleet(tick):
    return next(each for each in tick.fleets if each.name == "emails")


def codes(tick):
    return [reason.code for reason in fleet(tick).decision.reasons]


def reason(tick, code):
    """The text of the one reason with a code."""
    (text,) = [each.text for each in fleet(tick).decision.reasons if each.code == code]
    return text


def states(tick):
    return {worker.name: worker.state.value for worker in fleet(tick).workers}
